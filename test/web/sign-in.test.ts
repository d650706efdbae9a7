import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startIdentityProvider, type TestProvider } from '../support/auth/identity-provider.ts'
import { createDatabase, eventually, type TestDatabase } from '../support/index.ts'
import { violations } from '../support/web/axe.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { type Site, startSite } from '../support/web/site.ts'

describeInBrowser('signing in by an identity provider', () => {
  let provider: TestProvider
  let database: TestDatabase
  let site: Site
  beforeAll(async () => {
    provider = await startIdentityProvider()
    database = await createDatabase()
    site = await startSite(database, 0, provider.variables)
    await eventually(async () => expect((await fetch(site.url)).status).toBe(200), {
      timeout: 90_000,
    })
  })
  afterAll(async () => {
    await site?.stop()
    await database?.drop()
    await provider?.close()
  })
  beforeEach(() => {
    provider.forget()
    provider.person = { sub: 'ada', groups: ['finance'] }
    provider.tamper = undefined
    provider.answers = () => true
  })

  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

  /** Agrees at the provider. */
  const pass = (page: Page) => page.getByRole('link', { name: 'Agree' }).click()

  const isOpen = (page: Page) => page.getByText('Signed in as ada').waitFor()

  test('an admin comes back to the same address, signs out, and is signed out there too', async () => {
    await site.requestTopup('bob', 20)
    const { open, context } = await visitor()
    const page = await open(`${site.url}/admin/users/bob?status=success`)
    await button(page, 'Sign in with Example ID').click()
    await pass(page)
    await isOpen(page)
    expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe(
      '/admin/users/bob?status=success',
    )
    // Nothing of the sign-in is left in the browser but the session.
    await expect.poll(() => context.cookies(site.url)).toEqual([])
    await expect
      .poll(() => page.evaluate(() => Object.keys(sessionStorage)))
      .not.toContain('livebalance.signing-in')
    await page.reload()
    await isOpen(page)

    await button(page, 'Sign out').click()
    await eventually(() => expect(provider.paths.at(-1)).toBe('/logout'))
    await page.waitForURL(`${site.url}/admin`)
    await button(page, 'Sign in with Example ID').click()
    // The provider asks again, because its session has ended as well.
    await pass(page)
    await isOpen(page)
  })

  test('a session that has ended leads to the provider and back, without a question', async () => {
    const { open, context } = await visitor()
    const page = await open(`${site.url}/admin/users`)
    await button(page, 'Sign in with Example ID').click()
    await pass(page)
    await isOpen(page)
    // As at its expiry: the server does not take the token any more.
    const stored = await page.evaluate(() => localStorage.getItem('livebalance.admin'))
    const { token } = JSON.parse(stored ?? '{}')
    await fetch(`${site.url}/sign-in/end`, {
      method: 'POST',
      headers: {
        ...{ 'Content-Type': 'application/json', Origin: site.url },
        Authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ page: 'console' }),
    })
    const asked = provider.asked.length
    await page.reload()
    await button(page, 'Sign in').first().click()
    await button(page, 'Sign in with Example ID').click()
    await isOpen(page)
    expect(provider.asked.length).toBe(asked + 1)
    expect(new URL(page.url()).pathname).toBe('/admin/users')
    const renewed = await page.evaluate(() => localStorage.getItem('livebalance.admin'))
    expect(JSON.parse(renewed ?? '{}').token).not.toBe(token)
    await context.close()
  })

  test('who is no admin is told so, and can sign in as someone else', async () => {
    provider.person = { sub: 'bob' }
    const { open } = await visitor()
    const page = await open(`${site.url}/admin`)
    await button(page, 'Sign in with Example ID').click()
    await pass(page)
    await page.getByText('You are signed in as bob, who is not an admin.').waitFor()
    await expect
      .poll(() => page.evaluate(() => localStorage.getItem('livebalance.admin')))
      .toBeNull()
    expect(new URL(page.url()).search).toBe('')
    await button(page, 'Sign in as someone else').click()
    // The provider knows bob, and asks nevertheless.
    const agree = page.getByRole('link', { name: 'Agree' })
    await agree.waitFor()
    provider.person = { sub: 'ada', groups: ['finance'] }
    await agree.click()
    await isOpen(page)
    expect(new URL(page.url()).pathname).toMatch(/^\/admin(\/requests)?$/)
  })

  test('what goes wrong is said in plain words, also in the wallet, and can be tried again', async () => {
    const { open } = await visitor()
    const wallet = await open(site.url)
    const begin = () => button(wallet, 'Sign in with Example ID').click()
    provider.answers = (path) => path !== '/token'
    await begin()
    await pass(wallet)
    const alert = wallet.getByRole('alert')
    await alert.filter({ hasText: 'Example ID does not answer.' }).waitFor()
    await expect.poll(() => violations(wallet)).toEqual([])
    provider.answers = () => true

    // Somebody else's answer, sent as a link: it is not even shown to the server.
    const foreign = await open(`${site.url}/sign-in?code=theirs&state=theirs`)
    await foreign.getByRole('alert').filter({ hasText: 'took too long' }).waitFor()
    expect(new URL(foreign.url()).search).toBe('')

    await begin()
    await wallet.getByText('Signed in as ada').waitFor()
    expect(new URL(wallet.url()).pathname).toBe('/')
    await button(wallet, 'Sign out').click()
    await eventually(() => expect(provider.paths.at(-1)).toBe('/logout'))
    await wallet.waitForURL(`${site.url}/`)
    await begin()
    await wallet.getByRole('link', { name: 'Refuse' }).click()
    await alert.filter({ hasText: 'cancelled or refused' }).waitFor()
  })
})
