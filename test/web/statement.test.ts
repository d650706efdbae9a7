import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the statement', () => {
  const site = siteOfSuite()

  test('it is filtered, turned page by page, and saved whole as CSV', async () => {
    const user = someone('frank')
    for (let amount = 1; amount <= 12; amount++) await site.adjust(user, amount)
    await site.requestTopup(user, 7)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    const rows = wallet.getByRole('table').getByRole('row')
    await eventually(async () => expect(await rows.count()).toBe(11))

    await wallet.getByRole('button', { name: 'Older' }).click()
    await eventually(async () => expect(await rows.count()).toBe(4))
    await wallet.getByRole('button', { name: 'Newer' }).click()
    await eventually(async () => expect(await rows.count()).toBe(11))

    await wallet.getByLabel('Type').selectOption('Topup')
    await eventually(async () => expect(await rows.count()).toBe(2))
    await wallet.getByLabel('From', { exact: true }).fill('2001-01-01')
    await wallet.getByLabel('To', { exact: true }).fill('2001-01-02')
    await wallet.getByText('Nothing matches').waitFor()
    await wallet.getByRole('button', { name: 'Clear' }).click()
    await eventually(async () => expect(await rows.count()).toBe(11))

    const download = wallet.waitForEvent('download')
    await wallet.getByRole('button', { name: 'Download CSV' }).click()
    const csv = await readFile(await (await download).path(), 'utf8')
    expect(csv.trim().split('\r\n')).toHaveLength(14)
    expect(csv).toMatch(/^id,userId,type,amount,currency,status/)
  })

  test('it finds what was paid for a reference, and by the caller’s own data', async () => {
    const user = someone('greta')
    await site.adjust(user, 30)
    for (const referenceId of ['A-1', 'A-2', 'A-1']) {
      const metadata = { orderId: referenceId === 'A-2' ? 'O-7' : 'O-1' }
      const payment = { type: 'booking_payment', amount: 1, referenceId, metadata }
      await site.call(user, 'POST', '/transactions', payment)
    }
    const wallet = await (await visitor({ sub: user })).open(site.url)
    const rows = wallet.getByRole('table').getByRole('row')
    await eventually(async () => expect(await rows.count()).toBe(5))
    await wallet.getByLabel('Reference').fill(' A-1 ')
    await wallet.getByLabel('Reference').press('Enter')
    await eventually(async () => expect(await rows.count()).toBe(3))
    await wallet.getByRole('button', { name: 'Clear' }).click()
    await eventually(async () => expect(await rows.count()).toBe(5))
    // A part of the caller's own data.
    await wallet.getByLabel('Reference').fill('orderId=O-7')
    await wallet.getByLabel('Reference').press('Enter')
    await eventually(async () => expect(await rows.count()).toBe(2))
  })

  test('a transfer names the other person on both sides, and no reference', async () => {
    const [from, to] = [someone('fay'), someone('finn')]
    await site.adjust(from, 30)
    await site.adjust(to, 1)
    const transfer = { toUserId: to, amount: 12, description: 'Lunch' }
    await site.call(from, 'POST', '/transactions/transfer', transfer)
    for (const [user, other] of [
      [from, `to ${to}`],
      [to, `from ${from}`],
    ] as const) {
      const wallet = await (await visitor({ sub: user })).open(site.url)
      const row = wallet.getByRole('row', { name: /Transfer/ })
      await row.waitFor()
      await expect.poll(() => row.locator('.note').allTextContents()).toEqual([other, 'Lunch'])
    }
  })
})
