/** How long a button that appeared or moved ignores clicks. It is longer than a double click. */
export const SETTLING_MS = 700

/** A button that moves by fewer pixels counts as unmoved. */
const NEAR_PX = 8

/**
 * Makes buttons ignore clicks for a moment after they appeared, moved, or changed their object. Such a click
 * was meant for the element that was there before. The keyboard is not affected, because its focus does not move.
 */
export function guardClicks(root: HTMLElement): void {
  const known = new WeakMap<Element, Place>()
  const timers = new WeakMap<Element, number>()

  const look = () => {
    for (const button of root.querySelectorAll<HTMLElement>('.button')) {
      const place = placeOf(button)
      const before = known.get(button)
      // Small moves add up: they are measured from the last move that counted.
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

/** The position on the page, so that scrolling is no move. In a dialog, which does not scroll: on the screen. */
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
