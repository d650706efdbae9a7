import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { isLive, showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

const groundOf = (page: Page) =>
  page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
const LIGHT = 'rgb(246, 245, 241)'
const DARK = 'rgb(15, 20, 19)'

describeInBrowser('language and theme of the wallet', () => {
  const site = siteOfSuite()

  test('a chosen language is spoken at once and in every tab, with its numbers, and is kept', async () => {
    const user = someone('lena')
    await site.adjust(user, 1234.5)
    const { open } = await visitor({ sub: user })
    const page = await open(`${site.url}/?view=settings`)
    const other = await open(site.url)
    await showsBalance(other, '$1,234.50')
    const language = page.locator('select').first()
    await language.focus()
    await language.selectOption('de')
    await page.getByRole('heading', { name: 'Einstellungen' }).waitFor()
    await expect.poll(() => page.title()).toBe('Einstellungen · Livebalance')
    await expect.poll(() => page.locator('html').getAttribute('lang')).toBe('de')
    // The focus stays on the choice.
    await expect.poll(() => language.evaluate((it) => it === document.activeElement)).toBe(true)
    await showsBalance(other, '1.234,50\u00a0$')
    await other.getByText('Änderungen erscheinen hier sofort.').waitFor()
    await other.getByRole('row', { name: /Korrektur.*Abgeschlossen.*\+1\.234,50/ }).waitFor()
    await other.reload()
    await showsBalance(other, '1.234,50\u00a0$')
    await other.getByLabel('Betrag der Aufladung').fill('1.000,5')
    await other.getByText('Verstanden als 1.000,50').waitFor()
    await site.adjust(user, -34.5)
    await other.getByText('Korrektur über 34,50\u00a0$ abgeschlossen').first().waitFor()

    await language.selectOption('vi')
    await page.getByRole('heading', { name: 'Cài đặt' }).waitFor()
    await other.getByText('Thay đổi sẽ hiện ra ở đây ngay lập tức.').waitFor()
    await language.selectOption('')
    await showsBalance(other, '$1,200.00')
  })

  test('a language that cannot be loaded leaves the page in English, and the choice as it was', async () => {
    const { open, context } = await visitor({ sub: someone('mia') })
    const page = await open(`${site.url}/?view=settings`)
    await page.getByLabel('Language').waitFor()
    await context.route('**/assets/*.js', (route) => route.abort())
    await page.getByLabel('Language').selectOption('vi')
    await page.getByRole('alert').waitFor()
    await page.getByRole('heading', { name: 'Settings' }).waitFor()
    await expect
      .poll(() => page.evaluate(() => localStorage.getItem('livebalance.language')))
      .toBeNull()
  })

  test('a chosen theme is there before the page is drawn, in every tab, until the system decides again', async () => {
    const user = someone('nils')
    const { open, context } = await visitor({ sub: user })
    const page = await open(`${site.url}/?view=settings`)
    await page.emulateMedia({ colorScheme: 'light' })
    await page.getByRole('button', { name: 'Dark' }).click()
    await expect.poll(() => groundOf(page)).toBe(DARK)
    await expect
      .poll(() => page.getByRole('button', { name: 'Dark' }).getAttribute('aria-pressed'))
      .toBe('true')

    // The page without its own script.
    await context.route('**/assets/{wallet,part}-*.js', (route) => route.abort())
    const bare = await context.newPage()
    await bare.emulateMedia({ colorScheme: 'light' })
    await bare.goto(site.url)
    await expect.poll(() => groundOf(bare)).toBe(DARK)
    await context.unroute('**/assets/{wallet,part}-*.js')
    await bare.reload()
    await isLive(bare)

    await page.getByRole('button', { name: 'As the system' }).click()
    await expect.poll(() => groundOf(page)).toBe(LIGHT)
    await eventually(async () => expect(await groundOf(bare)).toBe(LIGHT))
    await bare.emulateMedia({ colorScheme: 'dark' })
    await expect.poll(() => groundOf(bare)).toBe(DARK)
  })
})
