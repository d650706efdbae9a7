import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { describeInBrowser, openConsole } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

const SECRET = `whsec_${btoa('the secret of a provider, in a test')}`

describeInBrowser('what payment providers report, in the console', () => {
  const site = siteOfSuite({ SIGNED_PROVIDER_SECRET: SECRET })

  /** The provider reports what happened to the payment of a topup. */
  async function report(type: string, topupId: string, amount: number): Promise<void> {
    const [id, now] = [randomUUID(), new Date()]
    const body = JSON.stringify({ type, data: { topupId, amount, currency: 'USD' } })
    const answer = await fetch(`${site.url}/providers/signed`, {
      method: 'POST',
      body,
      headers: {
        'Content-Type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Webhook(SECRET).sign(id, now, body),
      },
    })
    expect(answer.status).toBe(200)
  }

  test('a payment of another amount waits with the reason until an admin closes the case', async () => {
    const user = someone('petra')
    const topup = await site.requestTopup(user, 50)
    await report('payment.succeeded', topup, 40)
    const page = await openConsole(site.url)
    const cases = page.getByRole('region', { name: 'Payments that wait' })
    await cases.getByText('Payment of $40.00').waitFor()
    await cases.getByText('Another amount was paid than was asked for.').waitFor()
    await cases.getByRole('link', { name: user }).waitFor()
    await cases.getByRole('button', { name: 'Close the case: Payment of $40.00' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Close the case' }).click()
    await dialog.getByText('Say what was done.').waitFor()
    await dialog.getByLabel('What was done').fill('Paid back')
    await dialog.getByRole('button', { name: 'Close the case' }).click()
    await cases.waitFor({ state: 'detached' })
    const { items } = await site.call('admin', 'GET', '/admin/provider-events?outcome=resolved')
    expect(items).toMatchObject([{ resolvedBy: 'admin', resolution: 'Paid back', topupId: topup }])
  })

  test('a debt is collected from the wallet, or written off', async () => {
    const user = someone('dirk')
    const topup = await site.requestTopup(user, 50)
    await report('payment.succeeded', topup, 50)
    const pay = { type: 'booking_payment', amount: 45 }
    await site.call(user, 'POST', '/transactions', pay)
    await report('payment.refunded', topup, 50)
    await site.adjust(user, 15)
    const page = await openConsole(site.url)
    const debts = page.getByRole('region', { name: 'Debts' })
    await debts.getByRole('button', { name: `Collect: $45.00 of ${user}` }).click()
    await debts.getByText('$15.00 was collected').waitFor()
    await debts.getByRole('button', { name: `Write off: $30.00 of ${user}` }).click()
    await debts.waitFor({ state: 'detached' })
    const { balance } = await site.call(user, 'GET', '/transactions/balance')
    expect(balance).toBe(0)
  })
})
