/** Milliseconds without a click for a button that appeared or moved: longer than a double click takes. */
export const SETTLING_MS = 700

/** Pixels that a button may move and still be the one that was aimed at. */
const NEAR_PX = 8

/**
 * Takes clicks from buttons that have just appeared or moved, or stand for something else than before: the
 * click was meant for what stood there until then. The keyboard is not affected: its focus does not slide.
 */
export function guardClicks(root: HTMLElement): void {
  const known = new WeakMap<Element, Place>()
  const timers = new WeakMap<Element, number>()

  const look = () => {
    for (const button of root.querySelectorAll<HTMLElement>('.button')) {
      const place = placeOf(button)
      const before = known.get(button)
      // Steps that are too small to count add up: the place is that of the last real move.
      if (before && isSame(before, place)) continue
      known.set(button, place)
      button.dataset.settling = ''
      clearTimeout(timers.get(button))
      timers.set(
        button,
        window.setTimeout(() => delete button.dataset.settling, SETTLING_MS),
      )
    }
  }
  new MutationObserver(look).observe(root, {
    childList: true,
    subtree: true,
    characterData: true,
    attributes: true,
    attributeFilter: ['class', 'hidden', 'open', 'style', 'data-about'],
  })
  new ResizeObserver(look).observe(root)
}

interface Place {
  x: number
  y: number
  about: string | undefined
}

/** On the page, so that scrolling is no move; in a dialog, which does not scroll with it, on the screen. */
function placeOf(button: HTMLElement): Place {
  const { left, top } = button.getBoundingClientRect()
  const inDialog = button.closest('dialog') !== null
  return {
    x: left + (inDialog ? 0 : scrollX),
    y: top + (inDialog ? 0 : scrollY),
    about: button.dataset.about,
  }
}

function isSame(a: Place, b: Place): boolean {
  return a.about === b.about && Math.abs(a.x - b.x) < NEAR_PX && Math.abs(a.y - b.y) < NEAR_PX
}
