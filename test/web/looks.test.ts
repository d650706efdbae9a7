import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { violations } from '../support/web/axe.ts'
import { DESKTOP, describeInBrowser, PHONE, visitor } from '../support/web/browser.ts'
import { isLive } from '../support/web/on-page.ts'
import { type Site, siteOfSuite } from '../support/web/site.ts'

/** The screenshots of every page. */
const SHOTS = join(import.meta.dirname, '../../test-results/screenshots')

const USER = 'maria'
const LONG_NAME = 'a.user.with.quite.a.long.name@example-company.com'

/** Each page in its fullest state. */
const PAGES: Record<
  string,
  {
    path: string
    admin?: boolean
    guest?: boolean
    see?: (page: Page, site: Site) => Promise<unknown>
  }
> = {
  'sign-in': { path: '/', guest: true, see: (page) => page.getByLabel('Token').waitFor() },
  wallet: {
    path: '/',
    async see(page, site) {
      await isLive(page)
      await page.getByRole('row', { name: /Two nights/ }).waitFor()
      await site.adjust(USER, 12.5)
      await page.locator('.change').waitFor()
    },
  },
  'wallet-short': {
    path: '/',
    async see(page) {
      await isLive(page)
      await page.getByRole('tab', { name: 'Pay' }).click()
      await page.getByLabel('Amount to pay').fill('5000')
      await page.getByRole('button', { name: 'Pay now' }).click()
      await page.getByTestId('shortfall').waitFor()
    },
  },
  requests: {
    path: '/admin#/requests',
    admin: true,
    see: (page) =>
      page
        .getByRole('button', { name: /^Approve/ })
        .first()
        .waitFor(),
  },
  users: {
    path: '/admin#/users',
    admin: true,
    see: (page) => page.getByRole('link', { name: USER }).waitFor(),
  },
  user: {
    path: `/admin#/users/${USER}`,
    admin: true,
    see: (page) => page.getByRole('row', { name: /Two nights/ }).waitFor(),
  },
  refund: {
    path: `/admin#/users/${USER}`,
    admin: true,
    async see(page) {
      await page
        .getByRole('button', { name: /^Refund/ })
        .first()
        .click()
      await page.getByRole('dialog').waitFor()
    },
  },
  audit: {
    path: '/admin#/audit',
    admin: true,
    async see(page) {
      await page.getByRole('button', { name: 'Run audit' }).click()
      await page.getByRole('heading', { name: 'The ledger is correct' }).waitFor()
    },
  },
  system: {
    path: '/admin#/system',
    admin: true,
    see: (page) => page.getByRole('region', { name: 'Postgres' }).waitFor(),
  },
}

const LAYOUTS = [
  { layout: 'desktop-light', dark: false, size: DESKTOP },
  { layout: 'desktop-dark', dark: true, size: DESKTOP },
  { layout: 'phone-dark', dark: true, size: PHONE },
  { layout: 'phone-light', dark: false, size: PHONE },
]

describeInBrowser('how the pages look', () => {
  const site = siteOfSuite()

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true })
    for (const amount of [240, 35.75, -18.2]) await site.adjust(USER, amount)
    const { id } = await site.call(USER, 'POST', '/transactions', {
      type: 'booking_payment',
      amount: 132.4,
      description: 'Two nights by the sea',
      referenceId: 'B-2071',
    })
    await site.call('admin', 'POST', `/transactions/${id}/refund`, { amount: 32.4 })
    await site.requestTopup(USER, 50, 'For the weekend')
    await site.requestTopup('noah', 1200, 'Rent')
    await site.call(USER, 'POST', '/transactions/withdrawal', {
      amount: 20,
      description: 'To my bank account',
    })
    await site.adjust(LONG_NAME, 1_234_567.89)
    await site.call(USER, 'POST', '/transactions/transfer', { amount: 10, toUserId: LONG_NAME })
  }, 60_000)

  test.each(Object.entries(PAGES))(
    '%s: no axe violation and nothing to scroll sideways, by day and night, at the desk and on the phone',
    async (name, { path, admin = false, guest = false, see }) => {
      const { open, context } = await visitor(guest ? {} : { sub: admin ? 'admin' : USER, admin })
      // As a server in demo mode offers it.
      if (guest) {
        await context.route('**/session.json', (route) =>
          route.fulfill({ json: { currency: 'USD', demo: true } }),
        )
      }
      const page = await open(site.url + path)
      await see?.(page, site)
      for (const { layout, dark, size } of LAYOUTS) {
        await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
        await page.setViewportSize(size)
        await settled(page)
        await page.screenshot({ path: join(SHOTS, `${name}-${layout}.png`), fullPage: true })

        const { sideways, ground } = await page.evaluate(() => ({
          sideways: Math.max(
            ...[document.documentElement, ...document.querySelectorAll('.nav')].map(
              ({ scrollWidth, clientWidth }) => scrollWidth - clientWidth,
            ),
          ),
          ground: getComputedStyle(document.documentElement).backgroundColor,
        }))
        expect([layout, sideways]).toEqual([layout, 0])
        expect([layout, lightness(ground) < 0.5]).toEqual([layout, dark])
        expect([layout, await violations(page)]).toEqual([layout, []])
      }
    },
  )

  test('with reduced motion nothing moves', async () => {
    const { open } = await visitor({ sub: USER })
    const page = await open(site.url)
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await isLive(page)
    await site.adjust(USER, 1)
    await page.locator('.change').waitFor()
    const longest = await page.evaluate(() =>
      Math.max(
        0,
        ...document
          .getAnimations()
          .map((animation) => Number(animation.effect?.getComputedTiming().activeDuration)),
      ),
    )
    expect(longest).toBeLessThanOrEqual(1)
  })
})

/** Waits for the end of all animations, because half transparent text has less contrast. */
async function settled(page: Page): Promise<void> {
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

/** From 0, black, to 1, white. */
function lightness(rgb: string): number {
  const parts = rgb.match(/\d+/g)?.slice(0, 3).map(Number) ?? []
  return parts.reduce((sum, part) => sum + part, 0) / 765
}
