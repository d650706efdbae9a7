import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, openConsole, visitor } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the console’s queue', () => {
  const site = siteOfSuite()
  /** Requests a topup. What a test leaves is rejected, so that a test that fails does not make the next one fail. */
  const ask = async (user: string, amount: number, description?: string) => {
    const id = await site.requestTopup(user, amount, description)
    onTestFinished(async () => {
      await site
        .call('other-admin', 'PATCH', `/transactions/topup/${id}/process`, { status: 'failed' })
        .catch(() => {})
    })
    return id
  }

  test('a new request arrives by itself, and a rejection carries its note to the user', async () => {
    const page = await openConsole(site.url)
    await page.getByText('Nothing is waiting').waitFor()
    const user = someone('anna')
    const id = await ask(user, 60, 'Please')
    const request = page.locator(`[data-request="${id}"]`)
    await request.waitFor()
    await page.getByText(`New topup request: $60.00 for ${user}`).waitFor({ state: 'attached' })
    await expect.poll(() => page.title()).toMatch(/^\(1\)/)

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
    const id = await ask(user, 10)
    const { context, open } = await visitor({ sub: 'admin', admin: true })
    // From the moment before the other admin decides, the page learns nothing of the queue: also no answer that was
    // under way. So it finds out by its own decision.
    let isDecided = false
    await context.route('**/admin/stream*', (route) => route.abort())
    await context.route('**/admin/requests?*', async (route) => {
      const answer = isDecided ? undefined : await route.fetch().catch(() => undefined)
      if (answer && !isDecided) await route.fulfill({ response: answer })
      else await route.abort()
    })
    await context.route('**/process', async (route) => {
      isDecided = true
      const status = { status: 'success' }
      await site.call('other-admin', 'PATCH', `/transactions/topup/${id}/process`, status)
      await route.continue()
    })
    const page = await open(`${site.url}/admin/requests`)
    await page.getByRole('button', { name: `Approve $10.00 for ${user}` }).click()
    await page.locator(`[data-request="${id}"][data-status="success"]`).waitFor()
    await page.getByText('Already approved by other-admin.').waitFor()
  })

  test('a withdrawal waits beside the topups: approved it leaves, rejected it can be spent again', async () => {
    const user = someone('berta')
    await site.adjust(user, 100)
    const withdraw = async (amount: number) =>
      (await site.call(user, 'POST', '/transactions/withdrawal', { amount })).id
    const funds = () => site.call(user, 'GET', '/transactions/balance')
    const page = await openConsole(site.url)
    await page.getByText('Live', { exact: true }).waitFor()
    await ask(user, 5)
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
    await expect.poll(() => funds()).toMatchObject({ balance: 75, held: 0 })
    const rejected = await site.call(user, 'GET', `/transactions/${kept}`)
    expect(rejected).toMatchObject({ status: 'failed', adminNotes: 'No such account' })
    await page.locator(`[data-request="${paid}"][data-status="success"]`).waitFor()
  })

  test('nobody decides their own request', async () => {
    await ask('admin', 15)
    const page = await openConsole(site.url)
    const approve = page.getByRole('button', { name: 'Approve $15.00 for admin' })
    await approve.waitFor()
    await expect.poll(() => approve.getAttribute('aria-disabled')).toBe('true')
    await page.getByText('another admin has to decide it').waitFor()
  })

  test('above an amount two admins must agree, and each sees who was first', async () => {
    const user = someone('fia')
    await site.adjust(user, 10)
    const page = await openConsole(site.url)
    await page.getByText('One admin is enough for every amount.').waitFor()
    await page.getByRole('button', { name: 'Change amount' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox', { name: /^Amount/ }).fill('100')
    await dialog.getByRole('button', { name: 'Change' }).click()
    await page.getByText('Two admins must agree above $100.00.').waitFor()

    const id = await ask(user, 150)
    const request = page.locator(`[data-request="${id}"]`)
    await request.getByRole('button', { name: /^Approve/ }).click()
    await request
      .getByText(/You approved this .*\. Another admin has to approve it, too\./)
      .waitFor()
    expect(
      await request.getByRole('button', { name: /^Approve/ }).getAttribute('aria-disabled'),
    ).toBe('true')

    const { open } = await visitor({ sub: 'second-admin', admin: true })
    const second = await open(`${site.url}/admin/requests`)
    const card = second.locator(`[data-request="${id}"]`)
    await card.getByText(/admin approved this .*\. Your approval is the second\./).waitFor()
    await card.getByRole('button', { name: /^Approve/ }).click()
    await card.getByText(`$150.00 added to ${user}’s balance.`).waitFor()
    await request.getByText('Already approved by second-admin.').waitFor()

    // An adjustment above the amount waits, too. To loosen the rule, another admin has to agree.
    await page.goto(`${site.url}/admin/users/${user}`)
    await page.getByRole('button', { name: 'Adjust balance' }).click()
    await dialog.getByRole('textbox', { name: /^Amount/ }).fill('-120')
    await dialog.getByLabel('Reason').fill('Paid twice')
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await page.getByText('Another admin has to approve this').waitFor()
    await second
      .getByRole('button', { name: `Approve adjustment of -$120.00 for ${user}` })
      .waitFor()
    await page.goto(`${site.url}/admin/requests`)
    await page.getByRole('button', { name: 'Change amount' }).click()
    await dialog.getByRole('button', { name: 'Change' }).click()
    await page.getByText('one admin is to be enough in USD').waitFor()
    await second.reload()
    await second.getByRole('button', { name: 'Agree' }).click()
    await second.getByText('One admin is enough for every amount.').waitFor()
  })
})
