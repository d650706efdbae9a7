import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, openConsole } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the console’s queue', () => {
  const site = siteOfSuite()

  test('a new request arrives by itself, and a rejection carries its note to the user', async () => {
    const page = await openConsole(site.url)
    await page.getByText('Nothing is waiting').waitFor()
    const user = someone('anna')
    const id = await site.requestTopup(user, 60, 'Please')
    const request = page.locator(`[data-request="${id}"]`)
    await request.waitFor()
    await page.getByText(`New topup request: $60.00 for ${user}`).waitFor({ state: 'attached' })
    expect(await page.title()).toMatch(/^\(1\)/)

    await request.getByLabel('Note').fill('No such transfer')
    await page.getByRole('button', { name: `Reject $60.00 for ${user}` }).click()
    await page.locator(`[data-request="${id}"][data-status="failed"]`).waitFor()
    const topup = await site.call(user, 'GET', `/transactions/${id}`)
    expect(topup).toMatchObject({ status: 'failed', adminNotes: 'No such transfer' })
    await page.getByRole('button', { name: 'Hide decided requests (1)' }).click()
    await page.getByText('Nothing is waiting').waitFor()
  })

  test('what somebody else decided first is said so, in its place', async () => {
    const user = someone('bert')
    const id = await site.requestTopup(user, 10)
    const page = await openConsole(site.url)
    const approve = page.getByRole('button', { name: `Approve $10.00 for ${user}` })
    await approve.waitFor()
    // The page cannot read the queue, so it does not know yet.
    await page.route('**/admin/requests*', (route) => route.abort())
    await site.call('other-admin', 'PATCH', `/transactions/topup/${id}/process`, {
      status: 'success',
    })
    // A card that has just moved takes no click for a moment.
    await eventually(async () => {
      if (await approve.isVisible()) await approve.click({ timeout: 2_000 }).catch(() => {})
      await page.getByText('already been decided').waitFor({ timeout: 2_000 })
    })
    await page.locator(`[data-request="${id}"][data-status="success"]`).waitFor()
  })

  test('a withdrawal waits beside the topups: approved it leaves, rejected it can be spent again', async () => {
    const user = someone('berta')
    await site.adjust(user, 100)
    const withdraw = async (amount: number) =>
      (await site.call(user, 'POST', '/transactions/withdrawal', { amount })).id
    const funds = () => site.call(user, 'GET', '/transactions/balance')
    const page = await openConsole(site.url)
    await page.getByText('Live', { exact: true }).waitFor()
    await site.requestTopup(user, 5)
    const [kept, paid] = [await withdraw(40), await withdraw(25)]
    const order = page.locator('.request', { hasText: user }).locator('.sum')
    await eventually(async () => {
      expect(await order.allTextContents()).toEqual([
        '$5.00 Topup',
        '$40.00 Withdrawal',
        '$25.00 Withdrawal',
      ])
    })

    await page.locator(`[data-request="${kept}"]`).getByLabel('Note').fill('No such account')
    await page.getByRole('button', { name: `Reject withdrawal of $40.00 by ${user}` }).click()
    await page.getByText(`${user} can spend it again.`).waitFor()
    await page.getByRole('button', { name: `Approve withdrawal of $25.00 by ${user}` }).click()
    await page.getByText('$25.00 withdrawn').waitFor()
    expect(await funds()).toMatchObject({ balance: 75, held: 0 })
    const rejected = await site.call(user, 'GET', `/transactions/${kept}`)
    expect(rejected).toMatchObject({ status: 'failed', adminNotes: 'No such account' })
    await page.locator(`[data-request="${paid}"][data-status="success"]`).waitFor()
  })

  test('nobody decides their own request', async () => {
    await site.requestTopup('admin', 15)
    const page = await openConsole(site.url)
    const approve = page.getByRole('button', { name: 'Approve $15.00 for admin' })
    await approve.waitFor()
    expect(await approve.getAttribute('aria-disabled')).toBe('true')
    await page.getByText('another admin has to decide it').waitFor()
  })
})
