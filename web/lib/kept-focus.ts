/** Parts of a page that a reader knows as such. */
const PARTS = 'section, article, main'

/**
 * Moves the focus to the heading of its part of the page when what had it is removed, such as the button of a row that
 * is gone. Without it the next Tab would begin at the top of the page, and a screen reader would be lost.
 */
export function keepFocus(page: HTMLElement): void {
  let focused: Element | undefined
  let parts: HTMLElement[] = []
  page.addEventListener('focusin', ({ target }) => {
    focused = target as Element
    parts = partsAround(focused)
  })
  new MutationObserver(() => {
    if (focused === undefined || focused.isConnected) return
    focused = undefined
    if (document.activeElement !== document.body) return
    for (const part of parts) {
      const place = part.querySelector<HTMLElement>('h1, h2') ?? part
      place.tabIndex = -1
      place.focus({ preventScroll: true })
      // What is gone or hidden takes no focus.
      if (document.activeElement === place) return
    }
  }).observe(page, { childList: true, subtree: true })
}

/** The innermost one first. */
function partsAround(element: Element): HTMLElement[] {
  const part = element.parentElement?.closest<HTMLElement>(PARTS)
  return part ? [part, ...partsAround(part)] : []
}
