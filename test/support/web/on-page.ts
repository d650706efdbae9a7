import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { eventually } from '../index.ts'

/** The balance that the page shows. Empty until it is known. */
export const balanceOn = async (page: Page): Promise<string> =>
  (await page.getByTestId('balance').textContent()) ?? ''

export async function showsBalance(page: Page, balance: string, timeout = 60_000): Promise<void> {
  await eventually(async () => expect(await balanceOn(page)).toBe(balance), { timeout })
}

/** Waits until the page is live. Returns its transport and its role among the tabs. */
export async function isLive(
  page: Page,
): Promise<{ transport: string | null; tab: string | null }> {
  const badge = page.locator('[data-state="live"]')
  await badge.waitFor()
  return {
    transport: await badge.getAttribute('data-transport'),
    tab: await badge.getAttribute('data-tab'),
  }
}

/**
 * Records every notification from now on. `last`: the last title of each, in order. `every`: all titles, also those that
 * another one has replaced.
 */
export async function notifications(page: Page) {
  await page.evaluate(() => {
    const seen: Element[] = []
    const titles = new Map<Element, string>()
    const every: string[] = []
    const look = () => {
      for (const toast of document.querySelectorAll('.toast')) {
        const title = toast.querySelector('strong')?.textContent ?? ''
        if (!titles.has(toast)) seen.push(toast)
        if (titles.get(toast) !== title) every.push(title)
        titles.set(toast, title)
      }
    }
    const observer = new MutationObserver(look)
    observer.observe(document.body, { subtree: true, childList: true, characterData: true })
    const last = () => seen.map((toast) => titles.get(toast))
    Object.assign(window, { seenTitles: { last, every: () => every } })
  })
  type Seen = Record<'last' | 'every', () => string[]>
  const read = (which: keyof Seen) => () =>
    page.evaluate((which) => (window as unknown as { seenTitles: Seen }).seenTitles[which](), which)
  return { last: read('last'), every: read('every') }
}

/** Waits for the end of all animations, because half transparent text has less contrast. */
export async function settled(page: Page): Promise<void> {
  await eventually(async () => {
    const moving = await page.evaluate(
      () =>
        document
          .getAnimations()
          .filter(
            ({ effect }) => effect?.getComputedTiming().iterations !== Number.POSITIVE_INFINITY,
          )
          .filter(({ playState }) => playState === 'running').length,
    )
    expect(moving).toBe(0)
  })
}
