import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { focusOf, isQuiet, tabTo, walk } from '../support/web/keyboard.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the wallet by keyboard alone', () => {
  const site = siteOfSuite()
  const user = someone('kim')
  const friend = someone('leo')
  let receipt = ''

  beforeAll(async () => {
    await site.adjust(user, 500)
    await site.adjust(friend, 1)
    await site.call('admin', 'POST', '/transactions/adjustment', {
      ...{ userId: user, amount: 40, currency: 'EUR' },
      description: 'of a test',
    })
    const transfer = { toUserId: friend, amount: 20, description: 'Half of the rent' }
    receipt = (await site.call(user, 'POST', '/transactions/transfer', transfer)).id
    const hold = { amount: 30, description: 'Hotel', expiresIn: 172_800 }
    await site.call(user, 'POST', '/transactions/hold', hold)
    await site.call(user, 'PUT', '/transactions/monitors', { threshold: 70, direction: 'below' })
    await site.requestTopup(user, 50)
  })

  /** Nothing is open in front of the page, and the focus is on something with this name. */
  const isBackOn = (page: Page, name: string) =>
    eventually(async () => {
      expect(await page.getByRole('dialog').count()).toBe(0)
      expect((await focusOf(page))?.name).toMatch(new RegExp(`^${name}`))
    })

  /** A new dialog ignores Enter for a moment. */
  async function confirms(page: Page) {
    await eventually(async () =>
      expect(await page.locator('dialog [data-settling]').count()).toBe(0),
    )
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }

  /** Presses Tab more often than the dialog has stops. */
  async function staysInDialog(page: Page) {
    for (let presses = 0; presses < 6; presses++) {
      await page.keyboard.press('Tab')
      const isOutside = await page.evaluate(() => {
        const it = document.activeElement
        return it !== document.body && it?.closest('dialog') === null
      })
      expect(isOutside).toBe(false)
    }
  }

  test('Tab reaches everything in each section, in order, marked and in sight', async () => {
    const { open } = await visitor({ sub: user })
    const page = await open(site.url)
    await isQuiet(page)
    const look = async (section: string) => {
      const { stops, count } = await walk(page)
      expect([section, stops.filter(({ seen }) => !seen)]).toEqual([section, []])
      const order = stops.map(({ at, name }) => [at, name])
      expect([section, order]).toEqual([section, stops.map(({ name }, i) => [i, name])])
      expect([section, stops.length]).toEqual([section, count])
    }
    await page.getByText('Show as a table').click()
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    await page.locator('.activity li').first().waitFor()
    await page.getByRole('button', { name: 'Cancel the topup' }).waitFor()
    await look('overview')
    for (const [link, ready] of [
      ['Send', 'button:has-text("Continue")'],
      ['Withdraw', 'text=No withdrawal is waiting.'],
      ['Holds', '.waiting li'],
      ['Alerts', '.waiting li'],
      ['Settings', '.theme button'],
    ] as const) {
      await page.getByRole('link', { name: link, exact: true }).click()
      await page.locator(ready).first().waitFor()
      await look(link)
    }
    await page.goto(`${site.url}/?view=receipt&id=${receipt}`)
    await page.locator('.slip-rows dd').first().waitFor()
    await isQuiet(page)
    await look('receipt')
  })

  test('a topup is requested and taken back, and the focus goes where the row was', async () => {
    const me = someone('mia')
    await site.adjust(me, 1)
    const page = await (await visitor({ sub: me })).open(site.url)
    await isQuiet(page)
    for (const amount of ['25', '40']) {
      await tabTo(page, 'Amount to add')
      await page.keyboard.type(amount)
      await page.keyboard.press('Enter')
      await page.getByText(`$${amount}.00 requested.`).waitFor()
      await isBackOn(page, 'Amount to add')
    }
    // The event comes before the answer to the request that caused it, which must not hold up the other row.
    let answered = 0
    await page.route('**/topup/*/cancel', async (route) => {
      const response = await route.fetch()
      answered += 1
      if (answered === 1) await eventually(() => expect(answered).toBe(2))
      await route.fulfill({ response })
    })
    await tabTo(page, 'Cancel the topup of $25.00')
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Waiting for approval')
    await tabTo(page, 'Cancel the topup of $40.00')
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Wallet')
    const { items } = await site.call(me, 'GET', '/transactions/my-transactions?type=topup')
    expect(items.map(({ status }: { status: string }) => status)).toEqual([
      'cancelled',
      'cancelled',
    ])
  })

  test('a payment that is too large leads to the form that adds what is missing', async () => {
    const me = someone('nia')
    await site.adjust(me, 10)
    const page = await (await visitor({ sub: me })).open(site.url)
    await isQuiet(page)
    await tabTo(page, 'Add money')
    await page.keyboard.press('ArrowRight')
    await page.locator('[role=tab][aria-selected=true]', { hasText: 'Pay' }).waitFor()
    await page.keyboard.press('Tab')
    expect((await focusOf(page))?.name).toMatch(/^Amount to pay/)
    await page.keyboard.type('25')
    await page.keyboard.press('Enter')
    await page.getByTestId('shortfall').waitFor()
    await tabTo(page, 'Add $15.00')
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Add money')
    await page.keyboard.press('Tab')
    expect((await focusOf(page))?.name).toMatch(/^Amount to add/)
    await expect.poll(() => page.getByLabel('Amount to add').inputValue()).toBe('15')
  })

  test('money is sent: the dialog keeps the focus, and gives it back', async () => {
    const me = someone('olga')
    await site.adjust(me, 100)
    const page = await (await visitor({ sub: me })).open(site.url)
    await isQuiet(page)
    await tabTo(page, 'Send')
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Send money')
    await tabTo(page, 'To')
    await page.keyboard.type(friend)
    await page.keyboard.press('Tab')
    await page.keyboard.type('12.50')
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Send $12.50?' })
    await dialog.waitFor()
    await staysInDialog(page)
    await page.keyboard.press('Escape')
    await isBackOn(page, 'Amount to send')
    expect((await focusOf(page))?.seen).toBe(true)

    await tabTo(page, 'Continue')
    await page.keyboard.press('Enter')
    await dialog.waitFor()
    await tabTo(page, 'Cancel')
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Continue')
    await page.keyboard.press('Enter')
    await dialog.waitFor()
    await tabTo(page, 'Send now')
    await confirms(page)
    await isBackOn(page, 'Continue')
    await page.getByText(`$12.50 sent to ${friend}.`).waitFor()
    const { items } = await site.call(me, 'GET', '/transactions/my-transactions?type=transfer')
    expect(items).toHaveLength(1)
  })

  test('a withdrawal is requested, a hold released, an alert added and removed', async () => {
    const me = someone('pia')
    await site.adjust(me, 100)
    await site.call(me, 'POST', '/transactions/hold', { amount: 30, description: 'Hotel' })
    const page = await (await visitor({ sub: me })).open(site.url)
    await isQuiet(page)
    await tabTo(page, 'Withdraw')
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Withdraw money')
    await tabTo(page, 'Amount to withdraw')
    await page.keyboard.type('5')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'Withdraw $5.00?' }).waitFor()
    await staysInDialog(page)
    await tabTo(page, 'Request withdrawal')
    await confirms(page)
    await isBackOn(page, 'Amount to withdraw')

    await page.getByRole('link', { name: 'Holds' }).focus()
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Money on hold')
    await tabTo(page, 'Release the hold of $30.00')
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Release $30.00?' })
    await dialog.waitFor()
    await staysInDialog(page)
    await page.keyboard.press('Escape')
    await isBackOn(page, 'Release the hold of')
    await page.keyboard.press('Enter')
    await dialog.waitFor()
    await tabTo(page, 'Release')
    await confirms(page)
    // Of the list, or of the section if the row was gone before the dialog.
    await isBackOn(page, '(Current holds|Money on hold)')

    await page.getByRole('link', { name: 'Alerts' }).focus()
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Alerts and limits')
    await tabTo(page, 'This amount')
    await page.keyboard.type('70')
    await page.keyboard.press('Enter')
    await page.getByText('Alert added.').waitFor()
    await isBackOn(page, 'This amount')
    // It lies before the form.
    await page.getByRole('heading', { name: 'Balance alerts' }).evaluate((it) => {
      it.tabIndex = -1
      it.focus()
    })
    await tabTo(page, 'Remove the alert: Below $70.00')
    await page.keyboard.press('Enter')
    await isBackOn(page, 'Balance alerts')
  })
})
