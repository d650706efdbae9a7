import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { violations } from '../support/web/axe.ts'
import { describeInBrowser, openConsole, PHONE, visitor } from '../support/web/browser.ts'
import { isLive, settled, showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite } from '../support/web/site.ts'

describeInBrowser('an operator at the console', () => {
  const site = siteOfSuite()

  async function openAs(roles: readonly string[], route: string) {
    const { open } = await visitor({ sub: roles.join('-'), roles })
    return open(`${site.url}/admin/${route}`)
  }

  test('makes a tenant, sets what holds for it, suspends it, and lets it in again', async () => {
    const page = await openAs(['operator'], '')
    // An operator who is no admin begins at the tenants, and sees nothing of money.
    await page.waitForURL(`${site.url}/admin/tenants`)
    const nav = page.getByRole('navigation', { name: 'Console' })
    await nav.getByRole('link', { name: 'Tenants' }).waitFor()
    await expect.poll(() => nav.getByRole('link', { name: 'Requests' }).count()).toBe(0)

    await page.getByRole('button', { name: 'Make a tenant' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await dialog.getByText('Enter an id.').waitFor()
    await dialog.getByLabel(/^Id /).fill('acme')
    await dialog.getByLabel('Name', { exact: true }).fill('Acme Travel')
    await dialog.getByLabel(/^Currency/).selectOption('EUR')
    await dialog.getByText('Spending limits of its users').click()
    await dialog.getByRole('button', { name: 'Add a limit' }).click()
    await dialog.getByLabel('Most at once').fill('500')
    await dialog.getByText('Streams and history').click()
    await dialog.getByLabel(/^Balance frames a second/).fill('many')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await dialog.getByText('Enter a number, such as 4 or 0.5.').waitFor()
    await dialog.getByLabel(/^Balance frames a second/).fill('4')
    await expect.poll(() => violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await page.waitForURL(`${site.url}/admin/tenants/acme`)
    const settings = page.getByRole('region', { name: 'Settings' })
    await settings.getByText('Payment: €500.00 at once').waitFor()

    // A change sends only what was changed: nobody gives a secret again to keep it.
    await site.call('operator', 'PATCH', '/platform/tenants/acme', {
      identity: { secret: 'a secret of Acme, of 32 bytes or more' },
    })
    await page.getByRole('button', { name: 'Change' }).click()
    await dialog.getByText('Quotas of all').click()
    await dialog.getByLabel('Open streams').fill('1000')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await settings.getByText('1,000').waitFor()
    await settings.getByText('A secret of its own (HS256)').waitFor()

    await page.getByRole('button', { name: 'Suspend' }).click()
    await dialog.getByLabel('Reason').fill('unpaid since May')
    await settled(page)
    await dialog.getByRole('button', { name: 'Suspend' }).click()
    await page.getByText('unpaid since May').waitFor()
    await nav.getByRole('link', { name: 'Tenants' }).click()
    await page.getByLabel('State').selectOption('Suspended')
    await page.getByRole('row', { name: /Acme Travel.*Suspended/ }).waitFor()
    await eventually(async () => expect(await page.getByRole('row').count()).toBe(2))
    await page.getByLabel('State').selectOption('All')
    await page.getByLabel('Id or name').fill('travel')
    await page.waitForURL((url) => url.search === '?search=travel')
    await page.reload()
    await expect.poll(() => page.getByLabel('Id or name').inputValue()).toBe('travel')
    await page.getByRole('link', { name: 'Acme Travel' }).click()
    await page.getByRole('button', { name: 'Resume' }).click()
    await settled(page)
    await dialog.getByRole('button', { name: 'Resume' }).click()
    await settings.getByText('Active').waitFor()
    await expect.poll(() => page.getByText('unpaid since May').count()).toBe(0)
  })

  test('acts as an admin of a tenant, sees in which, and goes back', async () => {
    await site.call('operator', 'POST', '/platform/tenants', {
      ...{ id: 'globex', name: 'Globex', currency: 'EUR' },
    })
    const page = await openAs(['operator'], 'tenants/globex')
    await page.getByRole('button', { name: 'Act as its admin' }).click()
    const bar = page.getByRole('region', { name: 'Tenant', exact: true })
    await bar.getByText('You act as an admin of Globex').waitFor()
    await page.waitForURL(`${site.url}/admin/requests`)
    await page.getByText('Live', { exact: true }).waitFor()
    await expect.poll(() => page.title()).toBe('Requests · Globex · Console · Livebalance')

    // The screens show the tenant's world, in its currency.
    await page.goto(`${site.url}/admin/users/operator`)
    await page.getByText('There is no such user').waitFor()
    await bar.waitFor()
    await page.goto(`${site.url}/admin/requests`)
    const first = page.getByLabel('Currency').locator('option').nth(1)
    await eventually(async () => expect(await first.textContent()).toBe('EUR'))
    await expect.poll(() => violations(page)).toEqual([])
    await page.setViewportSize(PHONE)
    await expect.poll(() => violations(page)).toEqual([])

    const until = await bar.textContent()
    const renewed = page.waitForResponse((response) => response.url().endsWith('/globex/token'))
    await bar.getByRole('button', { name: '15 more minutes' }).click()
    expect((await renewed).status()).toBe(201)
    await expect.poll(() => bar.textContent()).toContain(until?.slice(0, 20))

    await bar.getByRole('button', { name: 'Back to the platform' }).click()
    await page.waitForURL(`${site.url}/admin/tenants/globex`)
    await page.getByRole('region', { name: 'Usage' }).getByText('API keys').waitFor()
    await expect.poll(() => bar.count()).toBe(0)
    const kept = await page.evaluate(() => localStorage.getItem('livebalance.admin'))
    expect(kept).not.toContain('lb_oper_')

    // A user's wallet begins in the tenant's currency, too.
    const wallet = await (await visitor({ sub: 'gerd', tenant: 'globex' })).open(site.url)
    await isLive(wallet)
    await showsBalance(wallet, '€0.00')
  })

  test('acts no longer than the token lasts, without a click', async () => {
    await site.call('operator', 'POST', '/platform/tenants', { id: 'brief', name: 'Brief' })
    const page = await openAs(['operator'], 'tenants/brief')
    await page.route('**/platform/tenants/brief/token', async (route) => {
      const answer = await (await route.fetch()).json()
      const expiresAt = new Date(Date.now() + 3_000).toISOString()
      await route.fulfill({ status: 201, json: { ...answer, expiresAt } })
    })
    await page.getByRole('button', { name: 'Act as its admin' }).click()
    await page.getByText('You act as an admin of').waitFor()
    await page.getByRole('region', { name: 'Usage' }).waitFor()
    await eventually(async () => expect(await page.getByText('You act as').count()).toBe(0))
  })

  test('makes a key for a tenant: it is shown once, it opens, it is rotated, and it is revoked', async () => {
    await site.call('operator', 'POST', '/platform/tenants', { id: 'keyed', name: 'Keyed' })
    const page = await openAs(['operator'], 'tenants/keyed')
    await page.getByRole('main').getByRole('link', { name: 'API keys' }).click()
    await page.waitForURL(`${site.url}/admin/keys?tenant=keyed`)
    await page.getByText('No keys yet').waitFor()
    await page.getByRole('button', { name: 'Make a key' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await dialog.getByText('Enter a name.').waitFor()
    await dialog.getByLabel(/^Name/).fill('booking')
    await dialog.getByLabel('transactions:read').check()
    await expect.poll(() => violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Make it' }).click()
    const secret = page.getByRole('region', { name: 'Secret' })
    const shown = async () => (await secret.locator('code.secret').textContent()) ?? ''
    const key = await shown()
    const statusOf = async (key: string) => {
      const headers = { Authorization: `Bearer ${key}` }
      return (await fetch(`${site.url}/transactions/my-transactions`, { headers })).status
    }
    await expect.poll(() => statusOf(key)).toBe(200)
    const row = page.getByRole('row', { name: /booking.*Works/ })
    await row.getByText('transactions:read').waitFor()

    await row.getByRole('button', { name: 'Rotate booking' }).click()
    await dialog.getByLabel('The key of now works too').selectOption('For one hour')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await row.getByText(/The key before works until/).waitFor()
    const rotated = await shown()
    expect(rotated).not.toBe(key)
    expect([await statusOf(key), await statusOf(rotated)]).toEqual([200, 200])
    await secret.getByRole('button', { name: 'I have kept it' }).click()

    await row.getByRole('button', { name: 'Revoke booking' }).click()
    await settled(page)
    await dialog.getByRole('button', { name: 'Revoke' }).click()
    await page.getByRole('row', { name: /booking.*Revoked/ }).waitFor()
    await expect.poll(() => statusOf(rotated)).toBe(401)
    await expect.poll(() => page.content()).not.toContain(rotated)
  })

  test('an admin makes keys of their own tenant, which act in their name', async () => {
    const page = await openConsole(site.url, 'keys')
    await page.getByRole('button', { name: 'Make a key' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('It acts in your name.').waitFor()
    await expect.poll(() => dialog.getByLabel('Tenant').count()).toBe(0)
    await dialog.getByLabel(/^Name/).fill('reports')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await page.getByRole('row', { name: /reports.*acts as admin/ }).waitFor()
    await expect.poll(() => page.getByRole('row', { name: /booking/ }).count()).toBe(0)
  })

  test('an admin sees no tenants', async () => {
    const page = await openConsole(site.url, 'tenants')
    await page.getByText('There is no such page').waitFor()
    await expect.poll(() => page.getByRole('link', { name: 'Tenants' }).count()).toBe(0)
  })
})
