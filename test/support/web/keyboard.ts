import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { eventually } from '../index.ts'

/** What has the focus, as a person at the keyboard knows it. */
export interface Stop {
  /** As a screen reader calls it, or nearly. */
  name: string
  /** Its number among what Tab should reach, from the top of the page. -1: none of these. */
  at: number
  /** Whether it is marked, lies in the window, and nothing covers it. */
  seen: boolean
}

/**
 * Presses Tab from the top of the page until the focus has left it.
 * @returns the stops in their order, and the number of those that there should be
 */
export async function walk(page: Page): Promise<{ stops: Stop[]; count: number }> {
  const count = await page.evaluate(() => {
    const all = document.querySelectorAll<HTMLElement>(
      'a[href], button, input, select, textarea, summary, [tabindex]',
    )
    const stops = [...all].filter(
      (it) => it.tabIndex >= 0 && it.checkVisibility({ visibilityProperty: true }),
    )
    Object.assign(window, { stops })
    stops[0]?.focus()
    return stops.length
  })
  // The browser marks the focus of a person who uses the keyboard.
  await page.keyboard.press('Shift')
  const stops: Stop[] = []
  // A page in which Tab goes round ends the walk too.
  for (let stop = await focusOf(page); stop && stops.length <= count; stop = await focusOf(page)) {
    // A field for a date is several stops: the day, the month, the year.
    if (stop.at === -1 || stop.at !== stops.at(-1)?.at) stops.push(stop)
    await page.keyboard.press('Tab')
  }
  return { stops, count }
}

/** Undefined: nothing has it. */
export function focusOf(page: Page): Promise<Stop | undefined> {
  return page.evaluate(() => {
    const it = document.activeElement as HTMLElement | null
    if (!it || it === document.body) return undefined
    const { stops = [] } = window as unknown as { stops?: Element[] }
    const { outlineStyle, outlineWidth } = getComputedStyle(it)
    const { left, top, width, height } = it.getBoundingClientRect()
    const hit = document.elementFromPoint(left + width / 2, top + height / 2)
    const label = (it as HTMLInputElement).labels?.[0]?.textContent
    return {
      name: (it.getAttribute('aria-label') ?? label ?? it.textContent ?? '').trim(),
      at: stops.indexOf(it),
      seen:
        outlineStyle !== 'none' &&
        Number.parseFloat(outlineWidth) > 0 &&
        hit !== null &&
        (it.contains(hit) || hit.contains(it)),
    }
  })
}

/** Presses Tab until something whose name begins so has the focus. */
export async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press('Tab')
    if ((await focusOf(page))?.name.startsWith(name)) return
  }
  throw new Error(`Tab does not reach ${name}`)
}

/** Waits for what a wallet says when it is live, and closes it: it would go away by itself during a walk. */
export async function isQuiet(page: Page): Promise<void> {
  const toasts = page.locator('.toast')
  await toasts.first().waitFor()
  await eventually(async () => {
    // It may have gone just now.
    await toasts
      .locator('.close')
      .first()
      .click({ timeout: 500 })
      .catch(() => {})
    expect(await toasts.count()).toBe(0)
  })
}
