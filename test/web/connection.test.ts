import { expect, test } from 'vitest'
import { eventually, mintToken } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { isLive, notifications, showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite, someone, startSite, withoutWebSockets } from '../support/web/site.ts'

const total = (connections: Record<string, number>) =>
  Object.values(connections).reduce((sum, count) => sum + count, 0)

describeInBrowser('the page’s connection', () => {
  const site = siteOfSuite()

  test('five tabs share one connection, and another takes over when its tab is closed', async () => {
    const user = someone('tabs')
    const { open } = await visitor({ sub: user })
    const tabs = []
    for (let i = 0; i < 5; i++) tabs.push(await open(site.url))
    for (const tab of tabs) await showsBalance(tab, '$0.00')
    expect(total(await site.connections())).toBe(1)

    await site.adjust(user, 11)
    for (const tab of tabs) await showsBalance(tab, '$11.00')

    const roles = await Promise.all(tabs.map((tab) => isLive(tab)))
    const leader = roles.findIndex(({ tab }) => tab === 'leader')
    expect(roles.filter(({ tab }) => tab === 'follower')).toHaveLength(4)
    await tabs[leader]?.close()
    const left = tabs.filter((_, i) => i !== leader)
    await eventually(async () => {
      const now = await Promise.all(left.map((tab) => isLive(tab)))
      expect(now.filter(({ tab }) => tab === 'leader')).toHaveLength(1)
    })
    await site.adjust(user, 1)
    for (const tab of left) await showsBalance(tab, '$12.00')
    await eventually(async () => expect(total(await site.connections())).toBe(1))
  })

  test('a server that restarts costs no event, and doubles none', async () => {
    const user = someone('restart')
    await site.adjust(user, 100)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    await showsBalance(wallet, '$100.00')
    await wallet.getByRole('button', { name: 'Dismiss: You are live' }).click()
    const { every } = await notifications(wallet)
    // Changes that come within a quarter of a second are told as one, with their sum.
    const told = async () =>
      (await every())
        .map((title) => /^(?:Adjustment of|\d+ changes) \+?\$([\d.]+)/.exec(title)?.[1])
        .reduce((sum, amount) => sum + Number(amount ?? 0), 0)
    await site.adjust(user, 1)
    await wallet.getByText('Adjustment of $1.00 completed').waitFor()

    await site.stop()
    await wallet.locator('[data-state="reconnecting"]').waitFor()
    // In the meantime another process of the same installation moves money.
    const other = await startSite(site.database)
    await other.adjust(user, 2)
    await other.adjust(user, 3)
    await other.stop()
    await site.restart()

    await isLive(wallet)
    await showsBalance(wallet, '$106.00')
    await site.adjust(user, 4)
    await showsBalance(wallet, '$110.00')
    await expect.poll(told).toBe(10)
  })

  test('where WebSockets are blocked it falls back to SSE, says so, and is live all the same', async () => {
    const user = someone('blocked')
    const url = await withoutWebSockets(site)
    const wallet = await (await visitor({ sub: user })).open(url)
    expect((await isLive(wallet)).transport).toBe('sse')
    const badge = wallet.locator('[data-state="live"]')
    await expect.poll(() => badge.textContent()).toContain('WebSockets are blocked here')
    await site.adjust(user, 7)
    await showsBalance(wallet, '$7.00')
  })

  test('a wallet whose tenant is suspended says so, and is live again when it is resumed', async () => {
    const tenant = someone('tenant')
    const opal = await mintToken({ sub: 'opal', roles: ['operator'] })
    const platform = (path: string, body: object) =>
      fetch(`${site.url}/platform/tenants${path}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${opal}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
    expect((await platform('', { id: tenant, name: 'Acme' })).status).toBe(201)
    const wallet = await (await visitor({ sub: 'ann', tenant })).open(site.url)
    await isLive(wallet)
    const refused = wallet.waitForResponse(
      (answer) => answer.url().endsWith('/balance/ticket') && answer.status() === 403,
    )
    await platform(`/${tenant}/suspend`, { reason: 'did not pay' })
    const notice = wallet.getByRole('alert').filter({ hasText: 'This service is suspended' })
    await notice.waitFor()
    await refused
    await platform(`/${tenant}/resume`, {})
    // By itself it would try again within a minute.
    await notice.getByRole('button', { name: 'Try again' }).click()
    await isLive(wallet)
    await notice.waitFor({ state: 'detached' })
  })

  test('a session that ends is renewed underneath: the page stays live beyond its token', async () => {
    const user = someone('renewed')
    const someVisitor = await visitor()
    let sessions = 0
    await someVisitor.context.route('**/session.json', (route) =>
      route.fulfill({ json: { currency: 'USD', demo: true } }),
    )
    await someVisitor.context.route('**/demo/session', async (route) => {
      sessions += 1
      const token = await mintToken({ sub: user, expiresIn: 4 })
      await route.fulfill({ status: 201, json: { token } })
    })
    const wallet = await someVisitor.open(site.url)
    await wallet.getByRole('button', { name: 'Continue as the demo user' }).click()
    await isLive(wallet)
    const begun = Date.now()
    // Twice the lifetime of the first token.
    await eventually(
      async () => {
        expect(Date.now() - begun).toBeGreaterThan(8_000)
        expect(sessions).toBeGreaterThan(1)
      },
      { timeout: 60_000 },
    )
    await expect.poll(() => wallet.locator('[data-state="live"]').count()).toBe(1)
    await site.adjust(user, 3)
    await showsBalance(wallet, '$3.00')
    await wallet.getByRole('row', { name: /Adjustment/ }).waitFor()
  })

  test('a pasted token that ends is asked for again, and a fresh one goes on', async () => {
    const user = someone('ends')
    const someVisitor = await visitor()
    const wallet = await someVisitor.open(site.url)
    await wallet.getByLabel('Token').fill(await mintToken({ sub: user, expiresIn: 30 }))
    await wallet.getByRole('button', { name: 'Sign in' }).click()
    await isLive(wallet)
    await wallet.getByText(/Your session ends at/).waitFor()
    await wallet.getByRole('button', { name: 'Paste a fresh token' }).click()
    const dialog = wallet.getByRole('dialog')
    const fresh = await mintToken({ sub: user })
    // A token that is signed with another key neither signs in nor signs out.
    await dialog.getByLabel('Token').fill(`${fresh.slice(0, -12)}${'A'.repeat(12)}`)
    await dialog.getByRole('button', { name: 'Stay signed in' }).click()
    await dialog.getByText('The server does not accept this token').waitFor()
    await expect
      .poll(() => dialog.getByRole('button', { name: 'Sign in', exact: true }).count())
      .toBe(0)
    await dialog.getByLabel('Token').fill(fresh)
    await dialog.getByRole('button', { name: 'Stay signed in' }).click()
    await wallet.getByText(/Your session ends at/).waitFor({ state: 'detached' })
    await isLive(wallet)
  })

  test('a token with a wrong signature opens no wallet', async () => {
    const wallet = await (await visitor()).open(site.url)
    const token = await mintToken({ sub: 'mallory' })
    const [head, payload] = token.split('.')
    await wallet.getByLabel('Token').fill(`${head}.${payload}.${'A'.repeat(43)}`)
    await wallet.getByRole('button', { name: 'Sign in' }).click()
    await wallet.getByText('The server does not accept this token').waitFor()
    await expect.poll(() => wallet.getByTestId('balance').count()).toBe(0)
  })
})
