import { expect, test } from 'vitest'
import { eventually, mintToken } from '../support/index.ts'
import { describeInBrowser, openConsole, visitor } from '../support/web/browser.ts'
import { isLive, showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the admin console', () => {
  const site = siteOfSuite()

  test('a user is found, refunded in part and adjusted, and sees it at once', async () => {
    const user = someone('Clara')
    await site.adjust(user, 100)
    await site.call(user, 'POST', '/transactions', { type: 'booking_payment', amount: 80 })
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)

    const page = await openConsole(site.url, 'users')
    await page.getByLabel('Search (a part of the user id)').fill(user.toLowerCase())
    await page.getByRole('link', { name: user }).click()
    await page.getByRole('button', { name: 'Refund $80.00' }).click()
    await page.getByRole('dialog').getByLabel('Amount to refund').fill('90')
    await page.getByRole('dialog').getByRole('button', { name: 'Refund' }).click()
    await page.getByText('At most $80.00 of this payment can still be refunded.').waitFor()
    await page.getByRole('dialog').getByLabel('Amount to refund').fill('30')
    await page.getByRole('dialog').getByRole('button', { name: 'Refund' }).click()
    await page.getByText('$30.00 refunded').waitFor()
    await showsBalance(wallet, '$50.00')

    await page.getByRole('button', { name: 'Adjust balance' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox', { name: /^Amount/ }).fill('-60')
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await page.getByText('Enter a reason').waitFor()
    await dialog.getByLabel('Reason').fill('Charged back')
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await page.getByText('$10.00 is missing').waitFor()
    await dialog.getByRole('textbox', { name: /^Amount/ }).fill('-20')
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await dialog.waitFor({ state: 'detached' })
    await showsBalance(wallet, '$30.00')

    await page.getByRole('row', { name: /Adjustment.*Charged back.*-\$20\.00/ }).waitFor()
    await page.getByRole('button', { name: 'Verify balance' }).click()
    await page.getByText('Correct: the entries add up to $30.00.').waitFor()
  })

  test('a refund is offered as long as something is left of a payment, and says how much', async () => {
    const user = someone('Cora')
    await site.adjust(user, 100)
    const pay = { type: 'booking_payment', amount: 40, description: 'One night' }
    const { id } = await site.call(user, 'POST', '/transactions', pay)
    await site.call('admin', 'POST', `/transactions/${id}/refund`, { amount: 25.5 })
    const hold = await site.call(user, 'POST', '/transactions/hold', { amount: 9 })
    await site.call(user, 'POST', `/transactions/hold/${hold.id}/capture`, {})

    const page = await openConsole(site.url, `users/${user}`)
    await page.getByRole('button', { name: 'Refund $9.00' }).waitFor()
    await page.getByRole('button', { name: 'Refund $14.50' }).click()
    const dialog = page.getByRole('dialog')
    await dialog
      .getByText('The payment was $40.00 for “One night”. $25.50 was refunded, $14.50 is left.')
      .waitFor()
    await dialog.getByRole('button', { name: 'Refund' }).click()
    await page.getByText('$14.50 refunded').waitFor()
    await page.getByRole('row', { name: /Refund.*\$14\.50/ }).waitFor()
    const offers = page.getByRole('button', { name: /^Refund/ })
    await eventually(async () => expect(await offers.count()).toBe(1))
    await expect.poll(() => offers.getAttribute('aria-label')).toBe('Refund $9.00')
  })

  test('a wallet is frozen and unfrozen, with the reasons, and its user is told', async () => {
    const user = someone('frida')
    await site.adjust(user, 100)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    const page = await openConsole(site.url, `users/${user}`)
    await page.getByRole('button', { name: 'Freeze wallet' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('What is refused').selectOption('No money out')
    await dialog.getByLabel('Reason').fill('Lost phone')
    await dialog.getByRole('button', { name: 'Freeze' }).click()
    await page.getByText('This wallet is frozen: no money leaves it').waitFor()
    await page.getByText('By admin, just now: “Lost phone”').waitFor()
    await wallet.getByText('Your wallet is frozen').waitFor()
    await wallet.getByRole('tab', { name: 'Pay' }).click()
    await wallet.getByLabel('Amount to pay').fill('5')
    await wallet.getByRole('button', { name: 'Pay now' }).click()
    await wallet.getByText('This wallet is frozen for such transactions.').waitFor()

    await page.getByRole('button', { name: 'Unfreeze wallet' }).click()
    await dialog.getByLabel('Reason').fill('Found it')
    await dialog.getByRole('button', { name: 'Unfreeze' }).click()
    await page.getByText('This wallet is not frozen').waitFor()
    await wallet.getByText('Your wallet is no longer frozen').waitFor()
    await page.getByText('Before that').click()
    await page.getByText('“Lost phone”').waitFor()
    await wallet.getByRole('button', { name: 'Pay now' }).click()
    await showsBalance(wallet, '$95.00')
  })

  test('Escape closes a dialog and puts the focus back where it was', async () => {
    const user = someone('dora')
    await site.adjust(user, 1)
    const page = await openConsole(site.url, `users/${user}`)
    const adjust = page.getByRole('button', { name: 'Adjust balance' })
    await adjust.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await expect
      .poll(() => adjust.evaluate((button) => document.activeElement === button))
      .toBe(true)
  })

  test('an audit says that the ledger is correct, and how much was read; rebuilding asks first', async () => {
    await site.adjust(someone('emma'), 3)
    const page = await openConsole(site.url, 'audit')
    await page.getByText('Not run yet').waitFor()
    await page.getByRole('button', { name: 'Run audit' }).click()
    await page.getByRole('heading', { name: 'The ledger is correct' }).waitFor()
    await page.getByText('Balanced').first().waitFor()
    const asked: string[] = []
    page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`))
    await page.getByRole('button', { name: 'Rebuild balances' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('sees the change at once').waitFor()
    expect(asked.filter((request) => request.includes('recalculate'))).toEqual([])
    await dialog.getByRole('button', { name: 'Rebuild all' }).click()
    await page.getByText('No balance had to change').waitFor()
  })

  test('the system page counts connections by transport and events, as they happen', async () => {
    const user = someone('fred')
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    const page = await (await visitor({ sub: 'operator', roles: ['operator'] })).open(
      `${site.url}/admin/system`,
    )
    const tile = page.getByRole('region', { name: 'Connections' })
    await eventually(async () => expect(await tile.textContent()).toContain('WebSocket1'))
    for (const name of ['Outbox', 'Postgres', 'Redis', 'Live stream']) {
      await page.getByRole('region', { name }).waitFor()
    }
    const events = page.getByRole('region', { name: 'Events per second' })
    const total = async () => Number(/start(\d+)/.exec((await events.textContent()) ?? '')?.[1])
    const before = await total()
    await site.adjust(user, 1)
    // At least, because the earlier number may have been one read behind.
    await eventually(async () => expect(await total()).toBeGreaterThanOrEqual(before + 2))
    await wallet.close()
    await eventually(async () => expect(await tile.textContent()).toContain('WebSocket0'))
  })

  test('a user’s token does not open the console', async () => {
    const page = await (await visitor()).open(`${site.url}/admin`)
    await page.getByLabel('Token').fill(await mintToken({ sub: 'mallory' }))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('belongs to mallory, who is not an admin').waitFor()
  })
})

describeInBrowser('the console of a server with the claims of an identity provider', () => {
  const site = siteOfSuite({ JWT_ROLES_CLAIM: 'https://shop.example.com/roles' })

  test('opens for an admin by that claim, and not for one by another', async () => {
    const page = await (await visitor()).open(`${site.url}/admin`)
    const signIn = async (token: string) => {
      await page.getByLabel('Token').fill(token)
      await page.getByRole('button', { name: 'Sign in' }).click()
    }
    await signIn(await mintToken({ sub: 'auth0|5f7c', roles: ['admin'] }))
    await page.getByText('belongs to auth0|5f7c, who is not an admin').waitFor()
    const names = { roles: ['https://shop.example.com/roles'] }
    await signIn(await mintToken({ sub: 'auth0|5f7d', roles: ['admin'], names }))
    await page.getByRole('navigation', { name: 'Console' }).waitFor()
    await expect.poll(() => page.locator('.who').textContent()).toContain('auth0|5f7d')
  })
})
