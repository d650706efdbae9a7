import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, PHONE, visitor } from '../support/web/browser.ts'
import { LAYOUTS, look, shoot } from '../support/web/look.ts'
import { isLive } from '../support/web/on-page.ts'
import { siteOfSuite } from '../support/web/site.ts'

const USER = 'maria'
const FRIEND = 'a.user.with.quite.a.long.name@example-company.com'

/** In the order of their links. */
const SECTIONS = ['overview', 'send', 'withdraw', 'holds', 'alerts', 'settings'] as const

/** Each view in its fullest state. The buttons are found by their place, because their words differ. */
const VIEWS: Record<(typeof SECTIONS)[number] | 'receipt', (page: Page) => Promise<unknown>> = {
  overview: (page) => page.locator('.table.folds tbody tr').first().waitFor(),
  send: async (page) => {
    const [to, amount] = [page.locator('form .input').nth(0), page.locator('form .input').nth(1)]
    await to.fill(FRIEND)
    await amount.fill('12')
    await page.locator('form [type=submit]').click()
    await page.getByRole('dialog').waitFor()
  },
  withdraw: (page) => page.locator('.waiting li').waitFor(),
  holds: (page) => page.locator('.waiting li').nth(1).waitFor(),
  alerts: async (page) => {
    await page.locator('.waiting li').waitFor()
    await page.locator('meter').waitFor()
  },
  settings: (page) => page.locator('.theme button').first().waitFor(),
  receipt: (page) => page.locator('.slip-rows dd').first().waitFor(),
}

/** Opens a section by its link. */
const go = (page: Page, section: (typeof SECTIONS)[number]) =>
  page.locator('.sections a').nth(SECTIONS.indexOf(section)).click()

describeInBrowser('how the sections of the wallet look', () => {
  const site = siteOfSuite()
  let receipt = ''

  beforeAll(async () => {
    const { call, adjust } = site
    await adjust(USER, 1240.5)
    await adjust(FRIEND, 1)
    for (const [currency, amount] of [
      ['EUR', 380.25],
      ['JPY', 250_000],
    ] as const) {
      const description = 'of a test'
      const body = { userId: USER, amount, currency, description }
      await call('admin', 'POST', '/transactions/adjustment', body)
    }
    const limit = { userId: USER, type: 'transfer', maxAmount: 200, maxSum: 500 }
    await call('admin', 'PUT', '/transactions/limits', { ...limit, windowSeconds: 86_400 })
    const transfer = { toUserId: FRIEND, amount: 120, description: 'Half of the rent' }
    receipt = (await call(USER, 'POST', '/transactions/transfer', transfer)).id
    const hotel = { amount: 300, expiresIn: 200_000, referenceId: 'B-2071' }
    const hold = { ...hotel, description: 'Deposit for two nights by the sea' }
    const { id } = await call(USER, 'POST', '/transactions/hold', hold)
    await call(USER, 'POST', `/transactions/hold/${id}/capture`, { amount: 40, final: false })
    await call(USER, 'POST', '/transactions/hold', { amount: 15, expiresIn: 3_600 })
    const withdrawal = { amount: 75, description: 'To my bank account' }
    await call(USER, 'POST', '/transactions/withdrawal', withdrawal)
    await call(USER, 'PUT', '/transactions/monitors', { threshold: 100, direction: 'below' })
    await site.requestTopup(USER, 50, 'For the weekend')
  })

  test.each([
    ['en-US', 'en', LAYOUTS],
    ['de-DE', 'de', LAYOUTS.slice(0, 2)],
    ['vi-VN', 'vi', LAYOUTS.slice(0, 2)],
  ] as const)(
    'in %s no section has an axe violation, or something to scroll sideways',
    async (locale, language, layouts) => {
      const { open } = await visitor({ sub: USER, locale })
      const page = await open(site.url)
      await isLive(page)
      await expect.poll(() => page.locator('html').getAttribute('lang')).toBe(language)
      for (const section of SECTIONS) {
        await go(page, section)
        await VIEWS[section](page)
        await look(page, `wallet-${section}-${language}`, layouts)
        await page.keyboard.press('Escape')
      }
      await go(page, 'overview')
      await page.locator(`.table.folds a[href*="${receipt}"]`).click()
      await VIEWS.receipt(page)
      await look(page, `wallet-receipt-${language}`, layouts)
    },
  )

  test('a first visit: three steps, without an axe violation', async () => {
    const page = await (await visitor({ sub: 'newcomer' })).open(site.url)
    await page.locator('.guide li').first().waitFor()
    await look(page, 'wallet-guide-en')
    for (const section of SECTIONS.slice(1)) {
      await go(page, section)
      await page.locator('.section .card').first().waitFor()
      await eventually(async () => expect(await page.locator('.skeleton').count()).toBe(0))
      await look(page, `wallet-empty-${section}`, LAYOUTS.slice(0, 2))
    }
  })

  test('without an answer each section says so, and offers to try again', async () => {
    const { open, context } = await visitor({ sub: USER })
    const page = await open(site.url)
    await isLive(page)
    await context.route('**/transactions/**', (route) => route.abort())
    await page.getByRole('button', { name: 'Refresh the balance' }).click()
    await page.getByRole('button', { name: 'Hour', exact: true }).click()
    await page.getByRole('alert').first().waitFor()
    await look(page, 'wallet-away-overview', LAYOUTS.slice(0, 2))
    for (const section of ['withdraw', 'holds', 'alerts'] as const) {
      await go(page, section)
      await page.getByRole('button', { name: 'Try again' }).first().waitFor()
      await look(page, `wallet-away-${section}`, LAYOUTS.slice(0, 2))
    }
  })

  test('a suspended tenant’s user is told so, with the money still in sight', async () => {
    const tenant = 'acme'
    await site.call('operator', 'POST', '/platform/tenants', { id: tenant, name: 'Acme Travel' })
    const { open } = await visitor({ sub: USER, tenant })
    const page = await open(site.url)
    await isLive(page)
    await site.call('operator', 'POST', `/platform/tenants/${tenant}/suspend`, { reason: 'unpaid' })
    await page.getByText('This service is suspended at the moment.').waitFor()
    await look(page, 'wallet-suspended')
    await expect.poll(() => page.getByText('unpaid').count()).toBe(0)
  })

  test('a reader of Arabic gets English words, their own numbers, and a page that holds together from right to left', async () => {
    const { open } = await visitor({ sub: USER, locale: 'ar-EG' })
    for (const view of ['overview', 'holds', 'alerts', 'receipt'] as const) {
      const page = await open(`${site.url}/?view=${view}&id=${receipt}`)
      await isLive(page)
      await VIEWS[view](page)
      await page.setViewportSize(PHONE)
      await expect.poll(() => page.locator('html').getAttribute('dir')).toBe('ltr')
      await expect.poll(() => page.locator('h1').textContent()).toMatch(/^[A-Z][a-z ]+$/)
      // In the digits of Egypt, kept apart from the words around them.
      await expect
        .poll(() => page.locator('main').textContent())
        .toMatch(/\u2068[^\u2069]*[٠-٩][^\u2069]*\u2069/)
      await look(page, `wallet-${view}-ar`, LAYOUTS.slice(1, 2))
      await page.evaluate(() => {
        document.documentElement.dir = 'rtl'
      })
      await look(page, `wallet-${view}-rtl`, LAYOUTS.slice(0, 2))
      await page.close()
    }
  })

  test('a receipt on paper has the receipt and nothing else', async () => {
    const page = await (await visitor({ sub: USER })).open(
      `${site.url}/?view=receipt&id=${receipt}`,
    )
    await page.locator('.slip-rows dd').first().waitFor()
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    await shoot(page, 'wallet-receipt-print')
    const seen = await page.evaluate(() => document.body.innerText)
    expect(seen).toContain(FRIEND)
    expect(seen).toContain('$120.00')
    expect(seen).toContain('Half of the rent')
    expect(seen).toContain(receipt)
    expect(seen).toContain('Printed on')
    for (const gone of ['Sign out', 'Overview', 'Print\n', 'Back to']) {
      expect([gone, seen.includes(gone)]).toEqual([gone, false])
    }
    const paper = await page.evaluate(() => getComputedStyle(document.body).color)
    expect(paper).toBe('rgb(23, 33, 29)')
  })
})
