import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/postgres/database.ts'
import { eventually, mintToken } from '../support/index.ts'
import { USER_IDS } from '../support/user-ids.ts'
import { violations } from '../support/web/axe.ts'
import { describeInBrowser, openConsole, PHONE, visitor } from '../support/web/browser.ts'
import { showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the admin console, looked at closely', () => {
  const site = siteOfSuite()
  const give = (userId: string, amount: number, currency: string) =>
    site.call('admin', 'POST', '/transactions/adjustment', {
      ...{ userId, amount, currency },
      description: 'of a test',
    })

  test('money in every currency is seen, adjusted, verified and filtered', async () => {
    const user = someone('kenji')
    await give(user, 250_000, 'JPY')
    await give(user, 1.234, 'KWD')
    const page = await openConsole(site.url, 'users')
    await page.getByLabel('Search (a part of the user id)').fill(user)
    await page.getByRole('row', { name: /¥250,000.*KWD.1\.234/ }).waitFor()
    await page.getByRole('link', { name: user }).click()
    const balance = page.getByRole('region', { name: 'Balance' })
    await balance.getByText('¥250,000').first().waitFor()
    await expect.poll(() => balance.textContent()).toMatch(/KWD.1\.234/)
    await expect.poll(() => balance.textContent()).not.toContain('$')

    await page.getByRole('button', { name: 'Adjust balance' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Currency').selectOption('KWD')
    await dialog.getByRole('textbox', { name: /^Amount/ }).fill('0.766')
    await dialog.getByLabel('Reason').fill('Rounded up')
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await eventually(async () => expect(await balance.textContent()).toMatch(/KWD.2\.000/))

    await page.getByRole('button', { name: 'Verify balance' }).click()
    await page.getByText('the entries add up to ¥250,000.').waitFor()
    await page.getByText(/the entries add up to KWD.2\.000\./).waitFor()

    const rows = page.getByRole('table').getByRole('row')
    await eventually(async () => expect(await rows.count()).toBe(4))
    await page.getByLabel('Currency').selectOption('JPY')
    await eventually(async () => expect(await rows.count()).toBe(2))
    // The focus stays among the filters when the button that cleared them disappears.
    await page.getByRole('button', { name: 'Clear' }).click()
    await eventually(async () => expect(await rows.count()).toBe(4))
    const focused = await page.getByLabel('Type').evaluate((it) => it === document.activeElement)
    expect(focused).toBe(true)
  })

  test.for([USER_IDS.SPIFFE, USER_IDS['percent signs']])(
    'the user %s is found, opened, verified and adjusted',
    async (user) => {
      await give(user, 5, 'USD')
      const page = await openConsole(site.url, 'users')
      await page.getByLabel('Search (a part of the user id)').fill(user)
      await page.getByRole('link', { name: user }).click()
      await page.getByRole('heading', { name: user }).waitFor()
      await page.getByRole('button', { name: 'Verify balance' }).click()
      await page.getByText('the entries add up to $5.00.').waitFor()
      await page.reload()
      await page.getByRole('button', { name: 'Adjust balance' }).click()
      const dialog = page.getByRole('dialog', { name: `Adjust the balance of ${user}` })
      await dialog.getByRole('textbox', { name: /^Amount/ }).fill('1')
      await dialog.getByLabel('Reason').fill('Of a test')
      await dialog.getByRole('button', { name: 'Adjust' }).click()
      await page.getByText(`${user} has been notified.`).waitFor()
    },
  )

  test('an adjustment begins with the currency of the server, where the user has it', async () => {
    const user = someone('anouk')
    await give(user, 5, 'CHF')
    await give(user, 5, 'USD')
    const page = await openConsole(site.url, `users/${user}`)
    await page.getByRole('button', { name: 'Adjust balance' }).click()
    const chosen = page.getByRole('dialog').getByLabel('Currency')
    await expect.poll(() => chosen.inputValue()).toBe('USD')
  })

  test('the queue names each request’s currency and is filtered by it', async () => {
    const user = someone('yuki')
    for (const [amount, currency] of [
      [30, 'USD'],
      [900, 'JPY'],
      [2.5, 'KWD'],
    ] as const) {
      await site.call(user, 'POST', '/transactions/topup', { amount, currency })
    }
    const page = await openConsole(site.url, 'requests')
    const sums = page.locator('.request', { hasText: user }).locator('.sum')
    await eventually(async () =>
      expect(await sums.allTextContents()).toEqual([
        '$30.00 Topup',
        '¥900 Topup',
        'KWD\u00a02.500 Topup',
      ]),
    )
    await page.getByLabel('Currency').selectOption('JPY')
    await eventually(async () => expect(await sums.allTextContents()).toEqual(['¥900 Topup']))
    await page.getByText('1–1 of 1, oldest first').waitFor()
    // The title counts the requests in all currencies.
    await expect.poll(() => page.title()).toMatch(/^\(3\)/)
  })

  test('a refund in part leaves a mark, and what is left of a huge payment is exact', async () => {
    const user = someone('rich')
    await site.call('admin', 'POST', '/transactions/adjustment', {
      userId: user,
      amount: '90071992547409.91',
      description: 'of a test',
    })
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await showsBalance(wallet, '$90,071,992,547,409.91')
    const { id } = await site.call(user, 'POST', '/transactions', {
      type: 'booking_payment',
      amount: '90071992547409.91',
    })
    await site.call('admin', 'POST', `/transactions/${id}/refund`, { amount: 0.02 })
    const page = await openConsole(site.url, `users/${user}`)
    await page.getByText('Refunded in part: $0.02').waitFor()
    await page.getByRole('button', { name: 'Refund $90,071,992,547,409.89' }).waitFor()
    // A double cannot represent the cents: .90 and .91 are the same number to `JSON.parse`.
    await site.call('admin', 'POST', '/transactions/adjustment', {
      userId: user,
      amount: '90071992547409.88',
      description: 'of a test',
    })
    await showsBalance(wallet, '$90,071,992,547,409.90')
    await page
      .getByRole('region', { name: 'Balance' })
      .getByText('$90,071,992,547,409.90')
      .first()
      .waitFor()
    await wallet.getByRole('row', { name: /\+\$90,071,992,547,409\.88/ }).waitFor()
    // The largest amount fits on a phone, too.
    await wallet.setViewportSize(PHONE)
    const sideways = () =>
      wallet.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
    await expect.poll(() => sideways()).toBe(0)
  })

  test('holds, limits and alerts are found by user; a hold is ended by whoever may', async () => {
    const user = someone('holder')
    const other = someone('other')
    const { call, url } = site
    for (const id of [user, other]) await give(id, 100, 'USD')
    const hold = { amount: 20, expiresIn: 3600 }
    await call(user, 'POST', '/transactions/hold', hold)
    const { id } = await call(other, 'POST', '/transactions/hold', hold)
    const part = { amount: 7.5, final: false }
    await call(other, 'POST', `/transactions/hold/${id}/capture`, part)
    await call(other, 'PUT', '/transactions/monitors', { threshold: 9, direction: 'below' })
    await call(user, 'PUT', '/transactions/monitors', { threshold: 150, direction: 'below' })

    const { open } = await visitor({ sub: 'admin', roles: ['admin', 'service'] })
    const page = await open(`${url}/admin/limits`)
    await page.getByRole('button', { name: 'Set a limit' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('User').fill(user)
    await dialog.getByLabel('On', { exact: true }).selectOption({ label: 'Hold' })
    await dialog.getByLabel('Most together').fill('50')
    await dialog.getByRole('button', { name: 'Set it' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByLabel('User', { exact: true }).fill(user.slice(2).toUpperCase())
    const limit = page.getByRole('row', { name: new RegExp(user) })
    await limit.getByText('$20.00 of $50.00').waitFor()
    await limit.getByRole('button', { name: 'Remove' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('No user found').waitFor()

    const navigation = page.getByRole('navigation', { name: 'Console' })
    await navigation.getByRole('link', { name: 'Balance alerts' }).click()
    await page.getByRole('row', { name: new RegExp(other) }).waitFor()
    await page.getByLabel('User', { exact: true }).fill(user)
    await eventually(async () => expect(await page.getByRole('row').count()).toBe(2))
    const alert = page.getByRole('row', { name: /below \$150\.00 \$100\.00/ })
    await alert.getByRole('button', { name: 'Remove' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('No user found').waitFor()

    const plain = await openConsole(url, `holds?userId=${user}`)
    await plain.getByRole('row', { name: /\$20\.00/ }).waitFor()
    await expect.poll(() => plain.getByRole('row').count()).toBe(2)
    await expect.poll(() => plain.getByRole('button', { name: /Void|Capture/ }).count()).toBe(0)

    await navigation.getByRole('link', { name: 'Holds' }).click()
    await page.getByRole('row', { name: new RegExp(other) }).waitFor()
    await page.getByLabel('User (the whole id)').fill(user)
    await eventually(async () => expect(await page.getByRole('row').count()).toBe(2))
    await page.getByRole('button', { name: `Void $20.00 of ${user}` }).click()
    await dialog.getByText(`${user} can spend $20.00 again.`).waitFor()
    await dialog.getByRole('button', { name: 'Void' }).click()
    await page.getByText('This user has no open hold').waitFor()
    expect(await call(user, 'GET', '/transactions/balance')).toMatchObject({
      balance: 100,
      held: 0,
    })
    await page.getByLabel('User (the whole id)').fill(other)
    await page.getByText('$7.50 captured').waitFor()
    await page.getByRole('button', { name: `Capture $12.50 of ${other}` }).click()
    await dialog.getByRole('button', { name: 'Capture' }).click()
    await page.getByText('This user has no open hold').waitFor()
    expect(await call(other, 'GET', '/transactions/balance')).toMatchObject({
      balance: 80,
      held: 0,
    })
  })

  test('an unknown user is said to be unknown, offers nothing, and is not created', async () => {
    const nobody = someone('nobody')
    const page = await openConsole(site.url, `users/${nobody}`)
    await page.getByText('There is no such user').waitFor()
    await expect
      .poll(() => page.getByRole('button', { name: /Adjust|Verify|Refund/ }).count())
      .toBe(0)
    await page.goto(`${site.url}/admin/users`)
    await page.getByLabel('Search (a part of the user id)').fill(nobody)
    await page.getByText('No user found').waitFor()
    // An address that cannot be decoded must not give an empty page. It comes from a link of an earlier version.
    await page.goto(`${site.url}/admin#/users/%`)
    await page.getByText('There is no such user').waitFor()
  })

  test('a token of another key opens nothing, and says why', async () => {
    const token = await mintToken({ sub: 'admin', roles: ['admin'] })
    const page = await (await visitor()).open(`${site.url}/admin`)
    await page.getByLabel('Token').fill(`${token.slice(0, -12)}${'A'.repeat(12)}`)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The server does not accept this token').waitFor()
    await expect.poll(() => page.getByRole('navigation', { name: 'Console' }).count()).toBe(0)
    await page.getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('navigation', { name: 'Console' }).waitFor()
  })

  test.each(['requests', 'users', 'system'])(
    'a session that has ended offers to sign in, on %s',
    async (place) => {
      const someVisitor = await visitor({ sub: 'admin', admin: true })
      await someVisitor.context.route(/\/(admin|transactions)\//, (route) =>
        // The page itself has the path of a screen.
        route.request().isNavigationRequest()
          ? route.continue()
          : route.fulfill({
              status: 401,
              json: { code: 'token_expired', message: 'Expired.', requestId: 'r' },
            }),
      )
      const page = await someVisitor.open(`${site.url}/admin/${place}`)
      await page.getByText('Your session has ended').waitFor()
      await expect.poll(() => page.getByRole('button', { name: 'Try again' }).count()).toBe(0)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('heading', { name: 'Admin console' }).waitFor()
    },
  )

  test('in forced colours the place is told apart, and “When” stands on one line', async () => {
    const user = someone('lines')
    await site.adjust(user, 1)
    const page = await openConsole(site.url, `users/${user}`)
    await page.emulateMedia({ forcedColors: 'active' })
    const colours = await page
      .getByRole('navigation', { name: 'Console' })
      .getByRole('link')
      .evaluateAll((links) =>
        links.map((link) => [
          link.getAttribute('aria-current'),
          getComputedStyle(link).borderBottomColor,
        ]),
      )
    const current = colours.filter(([place]) => place === 'page').map(([, colour]) => colour)
    const others = colours.filter(([place]) => place === null).map(([, colour]) => colour)
    expect(current).toHaveLength(1)
    expect(others).not.toContain(current[0])

    await page.setViewportSize({ width: 700, height: 800 })
    const time = page.getByRole('row', { name: /Adjustment/ }).locator('time')
    await expect.poll(() => time.evaluate((it) => it.getClientRects().length)).toBe(1)
    // Empty live regions take no room between the parts of the page.
    const gaps = await page
      .locator('#main .stack')
      .first()
      .evaluate((stack) => {
        const cards = [...stack.querySelectorAll(':scope > section.card')].map((card) =>
          card.getBoundingClientRect(),
        )
        return cards.slice(1).map((card, i) => Math.round(card.top - (cards[i]?.bottom ?? 0)))
      })
    expect(new Set(gaps)).toEqual(new Set([16]))
  })
})

describeInBrowser('auto top-ups in the console', () => {
  const site = siteOfSuite({
    STRIPE_WEBHOOK_SECRET: 'whsec_of_the_test',
    STRIPE_SECRET_KEY: 'sk_test_12345678',
  })

  test('a rule is set, is seen as paused with the reason, goes on when it is set again, and is deleted', async () => {
    const user = someone('tom')
    const rules = (): Promise<{ items: object[]; hasMethod: boolean }> =>
      site.call('admin', 'GET', `/transactions/auto-topup?userId=${user}`) as never
    await site.call('admin', 'POST', '/transactions/adjustment', {
      ...{ userId: user, amount: 100, description: 'of a test' },
    })
    const page = await openConsole(site.url, `users/${user}`)
    await page.getByRole('region', { name: 'Balance' }).waitFor()
    await expect.poll(() => page.getByRole('region', { name: 'Auto top-up' }).count()).toBe(0)

    await site.call('admin', 'PUT', '/transactions/auto-topup/method', {
      ...{ userId: user, customer: 'cus_1', paymentMethod: 'pm_1' },
    })
    await page.reload()
    const section = page.getByRole('region', { name: 'Auto top-up' })
    await section.getByText('Nothing is charged by itself.').waitFor()
    await section.getByRole('button', { name: 'Set up' }).click()
    const dialog = page.getByRole('dialog', { name: `Auto top-up of ${user}` })
    await dialog.getByLabel('When the balance is below').fill('20')
    await dialog.getByLabel('Charge').fill('50')
    await dialog.getByRole('button', { name: 'Save' }).click()
    // The largest sum is missing.
    await dialog
      .getByRole('textbox', { name: 'At most' })
      .and(page.locator('[aria-invalid]'))
      .waitFor()
    await dialog.getByLabel('At most').fill('200')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await section.getByText('Below $20.00, $50.00 is charged: at most $200.00 in 30 d.').waitFor()
    await expect.poll(() => violations(page)).toEqual([])

    const sql = connect(site.database.ownerUrl, { max: 1 })
    onTestFinished(() => sql.end())
    await sql`update auto_topups set status = 'paused', paused_reason = 'card_declined'`
    await page.reload()
    await section.getByText('“card_declined”').waitFor()
    await section.getByRole('button', { name: 'Change the auto top-up in USD' }).click()
    await dialog.getByLabel('Charge').fill('60')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await section.getByText('Below $20.00, $60.00 is charged').waitFor()
    await expect.poll(() => section.getByText('Paused').count()).toBe(0)
    expect(await rules()).toMatchObject({ items: [{ amount: 60, status: 'active' }] })

    await section.getByRole('button', { name: 'Delete the auto top-up in USD' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await section.getByText('Nothing is charged by itself.').waitFor()
    await section.getByRole('button', { name: 'Delete payment method' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await section.waitFor({ state: 'detached' })
    expect(await rules()).toEqual({ items: [], hasMethod: false })
  })
})
