import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { violations } from './axe.ts'
import { DESKTOP, PHONE } from './browser.ts'
import { settled } from './on-page.ts'

/** The screenshots of every page. */
const SHOTS = join(import.meta.dirname, '../../../test-results/screenshots')

export interface Layout {
  layout: string
  dark: boolean
  size: { width: number; height: number }
}

/** By day and night, at the desk and on the phone. The first two have one of each. */
export const LAYOUTS: readonly Layout[] = [
  { layout: 'desktop-light', dark: false, size: DESKTOP },
  { layout: 'phone-dark', dark: true, size: PHONE },
  { layout: 'desktop-dark', dark: true, size: DESKTOP },
  { layout: 'phone-light', dark: false, size: PHONE },
]

/** Where axe looks for everything. */
const WHOLE: readonly string[] = LAYOUTS.slice(0, 2).map(({ layout }) => layout)

/** Turns the page into each layout, which must have the right ground, nothing to scroll sideways, and no axe violation. */
export async function look(page: Page, name: string, layouts = LAYOUTS): Promise<void> {
  for (const { layout, dark, size } of layouts) {
    await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
    await page.setViewportSize(size)
    await settled(page)
    await shoot(page, `${name}-${layout}`)
    const { sideways, ground } = await page.evaluate(() => ({
      sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      ground: getComputedStyle(document.documentElement).backgroundColor,
    }))
    expect([name, layout, sideways]).toEqual([name, layout, 0])
    expect([name, layout, lightness(ground) < 0.5]).toEqual([name, layout, dark])
    // The others differ from these by how size and colours go together.
    const rules = WHOLE.includes(layout) ? undefined : ['color-contrast']
    expect([name, layout, await violations(page, rules)]).toEqual([name, layout, []])
  }
}

/** Keeps a picture of the whole page, for people to look at. In CI there is nobody. */
export async function shoot(page: Page, name: string): Promise<void> {
  if (process.env.CI) return
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true })
}

/** From 0, black, to 1, white. */
function lightness(rgb: string): number {
  const parts = rgb.match(/\d+/g)?.slice(0, 3).map(Number) ?? []
  return parts.reduce((sum, part) => sum + part, 0) / 765
}
