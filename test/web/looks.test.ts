import type { Page } from 'playwright-core'
import postgres from 'postgres'
import { beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { look } from '../support/web/look.ts'
import { isLive } from '../support/web/on-page.ts'
import { type Site, type SuiteSite, siteOfSuite } from '../support/web/site.ts'

/** Nobody listens there. */
const NOBODY = 'http://127.0.0.1:1'

const USER = 'maria'
const LONG_NAME = 'a.user.with.quite.a.long.name@example-company.com'

/** Each page in its fullest state. */
const PAGES: Record<
  string,
  {
    path: string
    admin?: boolean
    operator?: boolean
    service?: boolean
    /** Nobody is signed in, and the server offers this. */
    guest?: object
    see?: (page: Page, site: Site) => Promise<unknown>
  }
> = {
  'sign-in': {
    path: '/',
    // As a server in demo mode offers it.
    guest: { demo: true },
    see: (page) => page.getByLabel('Token').waitFor(),
  },
  'sign-in-provider': {
    path: '/',
    guest: { demo: false, provider: { name: 'Example ID', only: false } },
    see: (page) => page.getByRole('button', { name: 'Sign in with Example ID' }).waitFor(),
  },
  'sign-in-provider-only': {
    path: '/admin',
    guest: { demo: false, provider: { name: 'Example ID', only: true } },
    async see(page) {
      await page.getByRole('button', { name: 'Sign in with Example ID' }).waitFor()
      await expect.poll(() => page.getByLabel('Token').count()).toBe(0)
    },
  },
  wallet: {
    path: '/',
    async see(page, site) {
      await isLive(page)
      await page.getByRole('row', { name: /Two nights/ }).waitFor()
      await site.adjust(USER, 12.5)
      await page.locator('.change').waitFor()
    },
  },
  'wallet-short': {
    path: '/',
    async see(page) {
      await isLive(page)
      await page.getByRole('tab', { name: 'Pay' }).click()
      await page.getByLabel('Amount to pay').fill('5000')
      await page.getByRole('button', { name: 'Pay now' }).click()
      await page.getByTestId('shortfall').waitFor()
    },
  },
  requests: {
    path: '/admin/requests',
    admin: true,
    async see(page) {
      await page.getByText('Another amount was paid').waitFor()
      await page.getByText('Live', { exact: true }).waitFor()
      await page.getByRole('checkbox', { name: /^Choose \$50/ }).check()
    },
  },
  users: {
    path: '/admin/users',
    admin: true,
    see: (page) => page.getByRole('link', { name: USER }).waitFor(),
  },
  user: {
    path: `/admin/users/${USER}`,
    admin: true,
    see: (page) => page.getByRole('row', { name: /Two nights/ }).waitFor(),
  },
  frozen: {
    path: `/admin/users/${LONG_NAME}`,
    admin: true,
    async see(page) {
      await page.getByText('Before that').click()
      await page.getByText('lost phone').waitFor()
    },
  },
  freeze: {
    path: `/admin/users/${USER}`,
    admin: true,
    async see(page) {
      await page.getByRole('button', { name: 'Freeze wallet' }).click()
      await page.getByRole('dialog').waitFor()
    },
  },
  refund: {
    path: `/admin/users/${USER}`,
    admin: true,
    async see(page) {
      await page
        .getByRole('button', { name: /^Refund/ })
        .first()
        .click()
      await page.getByRole('dialog').waitFor()
    },
  },
  holds: {
    path: '/admin/holds',
    admin: true,
    service: true,
    see: (page) => page.getByRole('row', { name: /A car for a week/ }).waitFor(),
  },
  limits: {
    path: '/admin/limits',
    admin: true,
    see: (page) => page.getByText('$12.00 of $100.00').waitFor(),
  },
  'limit-set': {
    path: '/admin/limits',
    admin: true,
    async see(page) {
      await page.getByRole('button', { name: 'Set a limit' }).click()
      await page.getByRole('dialog').getByLabel('Most at once').waitFor()
    },
  },
  monitors: {
    path: '/admin/monitors',
    admin: true,
    see: (page) => page.getByRole('row', { name: /maria above \$100.00/ }).waitFor(),
  },
  analytics: {
    path: '/admin/analytics',
    admin: true,
    async see(page) {
      // Rolled up within seconds.
      await eventually(async () => {
        await page.getByRole('button', { name: 'Refresh' }).click()
        const movers = page.getByRole('region', { name: 'Top movers' })
        await movers.getByRole('link', { name: USER }).waitFor({ timeout: 2_000 })
      })
      await page.locator('.chart canvas').nth(2).waitFor()
      await page.getByRole('region', { name: 'Amounts' }).getByText('Show as a table').click()
    },
  },
  webhooks: {
    path: '/admin/webhooks',
    admin: true,
    see: (page) => page.getByText('Set aside: 1 user').waitFor(),
  },
  'webhook-add': {
    path: '/admin/webhooks',
    admin: true,
    async see(page) {
      await page.getByRole('button', { name: 'Add webhook' }).click()
      await page.getByRole('dialog').getByLabel('All events').waitFor()
    },
  },
  'webhook-secret': {
    path: '/admin/webhooks',
    admin: true,
    async see(page) {
      await page.getByRole('button', { name: 'Add webhook' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('URL').fill(`${NOBODY}/hooks`)
      await dialog.getByRole('button', { name: 'Add', exact: true }).click()
      await page.getByRole('region', { name: 'Secret' }).waitFor()
    },
  },
  webhook: {
    path: '/admin/webhooks',
    admin: true,
    async see(page) {
      await page.getByRole('link', { name: /balance-events/ }).click()
      await page.getByRole('row', { name: /ECONNREFUSED/ }).waitFor()
    },
  },
  navigation: {
    path: '/admin/system',
    admin: true,
    async see(page) {
      await page.getByRole('region', { name: 'Payments' }).waitFor()
      // It exists where the links have no room beside the screen.
      await page.locator('.nav-toggle').evaluate((button) => (button as HTMLElement).click())
    },
  },
  audit: {
    path: '/admin/audit',
    admin: true,
    async see(page) {
      await page.getByRole('button', { name: 'Run audit' }).click()
      await page.getByRole('heading', { name: 'The ledger is correct' }).waitFor()
    },
  },
  deeds: {
    path: '/admin/deeds',
    admin: true,
    async see(page) {
      await page
        .getByRole('row', { name: /Wallet freeze/ })
        .first()
        .getByText('Details')
        .click()
    },
  },
  revocations: {
    path: '/admin/revocations',
    admin: true,
    see: (page) => page.getByText('a lost phone').waitFor(),
  },
  search: {
    path: '/admin/search?q=sea',
    admin: true,
    see: (page) => page.getByText('Two nights by the sea').waitFor(),
  },
  transaction: {
    path: '/admin/search?q=sea',
    admin: true,
    async see(page) {
      await page.getByRole('link', { name: 'Payment' }).click()
      await page.getByRole('region', { name: 'Related' }).getByText('Refund').waitFor()
    },
  },
  tenants: {
    path: '/admin/tenants',
    operator: true,
    see: (page) => page.getByRole('link', { name: 'Acme Travel' }).waitFor(),
  },
  tenant: {
    path: '/admin/tenants/acme',
    operator: true,
    async see(page) {
      await page.getByText('unpaid since May').waitFor()
      await page.getByText('API keys', { exact: true }).last().waitFor()
    },
  },
  'tenant-settings': {
    path: '/admin/tenants/acme',
    operator: true,
    async see(page) {
      await page.getByRole('button', { name: 'Change' }).click()
      for (const part of await page.getByRole('dialog').locator('summary').all()) await part.click()
    },
  },
  keys: {
    path: '/admin/keys',
    operator: true,
    see: (page) => page.getByRole('row', { name: /booking.*Works/ }).waitFor(),
  },
  acting: {
    path: '/admin/tenants/default',
    operator: true,
    async see(page) {
      await page.getByRole('button', { name: 'Act as its admin' }).click()
      await page.getByText('Another amount was paid').waitFor()
    },
  },
  system: {
    path: '/admin/system',
    operator: true,
    see: (page) => page.getByRole('region', { name: 'Postgres' }).waitFor(),
  },
  'system-tenant': {
    path: '/admin/system',
    admin: true,
    see: (page) => page.getByRole('region', { name: 'Payments' }).waitFor(),
  },
}

describeInBrowser('how the pages look', () => {
  const site = siteOfSuite({ WEBHOOK_ALLOW_PRIVATE: 'true' })

  beforeAll(async () => {
    for (const amount of [240, 35.75, -18.2]) await site.adjust(USER, amount)
    const { id } = await site.call(USER, 'POST', '/transactions', {
      type: 'booking_payment',
      amount: 132.4,
      description: 'Two nights by the sea',
      referenceId: 'B-2071',
    })
    await site.call('admin', 'POST', `/transactions/${id}/refund`, { amount: 32.4 })
    await site.requestTopup(USER, 50, 'For the weekend')
    const rent = await site.requestTopup('noah', 1200, 'Rent')
    await site.call(USER, 'POST', '/transactions/withdrawal', {
      amount: 20,
      description: 'To my bank account',
    })
    await site.adjust(LONG_NAME, 1_234_567.89)
    await site.call('admin', 'PUT', '/admin/settings', {
      fourEyes: [{ currency: 'USD', amount: 1000 }],
    })
    await site.call('first-admin', 'PUT', '/admin/settings', {
      fourEyes: [{ currency: 'USD', amount: null }],
    })
    await site.call('first-admin', 'PATCH', `/transactions/topup/${rent}/process`, {
      status: 'success',
    })
    await site.call(USER, 'POST', '/transactions/transfer', { amount: 10, toUserId: LONG_NAME })
    await policiesOf(site)
    const freeze = `/transactions/wallets/${LONG_NAME}/freeze`
    await site.call('admin', 'POST', freeze, { debits: true, reason: 'lost phone' })
    await webhookOf(site)
    await casesOf(site)
    await site.call('admin', 'POST', '/admin/revocations', {
      ...{ userId: LONG_NAME, reason: 'a lost phone' },
    })
    await tenantsOf(site)
    await site.call('admin', 'POST', freeze, { reason: 'The police asks for it: file 2026-1182' })
  })

  test.each(Object.entries(PAGES))(
    '%s: no axe violation and nothing to scroll sideways, by day and night, at the desk and on the phone',
    async (name, { path, guest, see, ...has }) => {
      const roles = (['admin', 'operator', 'service'] as const).filter((role) => has[role])
      const { open, context } = await visitor(guest ? {} : { sub: roles[0] ?? USER, roles })
      if (guest) {
        await context.route('**/session.json', (route) =>
          route.fulfill({ json: { currency: 'USD', ...guest } }),
        )
      }
      const page = await open(site.url + path)
      await see?.(page, site)
      await look(page, name)
    },
  )

  test('with reduced motion nothing moves', async () => {
    const { open } = await visitor({ sub: USER })
    const page = await open(site.url)
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await isLive(page)
    await site.adjust(USER, 1)
    await page.locator('.change').waitFor()
    const longest = await page.evaluate(() =>
      Math.max(
        0,
        ...document
          .getAnimations()
          .map((animation) => Number(animation.effect?.getComputedTiming().activeDuration)),
      ),
    )
    expect(longest).toBeLessThanOrEqual(1)
  })
})

/** Open holds, limits of both kinds, and alerts before and after their amounts. */
async function policiesOf({ call }: Site): Promise<void> {
  const limit = '/transactions/limits'
  await call('admin', 'PUT', limit, {
    ...{ userId: USER, type: 'hold', maxAmount: 80, maxSum: 100, windowSeconds: 86_400 },
  })
  await call('admin', 'PUT', limit, {
    ...{ userId: LONG_NAME, type: 'booking_payment', maxAmount: 500_000 },
  })
  await call(USER, 'POST', '/transactions/hold', {
    ...{ amount: 12, expiresIn: 86_400, description: 'A car for a week' },
  })
  await call(LONG_NAME, 'POST', '/transactions/hold', { amount: 250_000, expiresIn: 600 })
  for (const userId of [USER, LONG_NAME]) {
    const monitors = '/transactions/monitors'
    await call(userId, 'PUT', monitors, { threshold: 50, direction: 'below' })
    await call(userId, 'PUT', monitors, { threshold: 100, direction: 'above' })
  }
}

/** A webhook with every kind of delivery, as the tables have them after days. */
async function webhookOf({ call, database }: SuiteSite): Promise<void> {
  const { id } = await call('admin', 'POST', '/admin/webhooks', {
    url: `${NOBODY}/a/rather/long/path/to/the/receiver-of-balance-events`,
    description: 'Bookings',
    events: ['transaction_completed', 'wallet_unfrozen'],
  })
  await call('admin', 'POST', '/transactions/adjustment', {
    ...{ userId: LONG_NAME, amount: 1, description: 'of a test' },
  })
  await eventually(async () => {
    const { failing } = await call('admin', 'GET', `/admin/webhooks/${id}/deliveries`)
    expect(failing).toHaveLength(1)
  })
  const sql = postgres(database.ownerUrl, { max: 1 })
  await sql`
    with row as (
      update webhook_cursors set set_aside_at = now(), next_attempt_at = null, claimed_by = null
      where endpoint_id = ${id} returning *)
    insert into webhook_cursors (endpoint_id, wallet_id, acked_seq, last_seq, attempts, failing_since,
      last_error, waiting_since, next_attempt_at)
    select ${id}, w.id, 3, 9, 7, now(), 'status 500', now(), '2100-01-01'
    from wallets w where user_id = ${USER} and exists (select from row)`
  await sql`
    insert into webhook_attempts (endpoint_id, user_id, from_seq, to_seq, delivered, status, error, duration_ms)
    values (${id}, ${USER}, 1, 3, true, 204, null, 31), (${id}, ${USER}, 4, 4, false, 500, 'status 500', 12)`
  await sql.end()
}

/** A tenant with every setting, suspended. */
async function tenantsOf({ call }: Site): Promise<void> {
  await call('operator', 'POST', '/platform/tenants', {
    ...{ id: 'acme', name: 'Acme Travel', currency: 'EUR' },
    limits: [
      { type: 'booking_payment', currency: 'EUR', maxAmount: 500 },
      { type: 'withdrawal', currency: 'EUR', maxSum: 2000, windowSeconds: 604_800 },
    ],
    ...{ rateLimits: { reads: 60_000, writes: 6_000 }, maxConnections: 20_000 },
    identity: { jwksUrl: 'https://id.acme.example/keys', issuer: 'https://id.acme.example' },
    allowedOrigins: ['https://app.acme.example', 'https://shop.acme.example'],
    ...{ maxWebhooks: 5, eventRetentionSeconds: 2_592_000, defaultMaxRate: 4, maxRate: 20 },
  })
  const keys = '/platform/keys'
  const { id } = await call('operator', 'POST', keys, {
    ...{ tenant: 'acme', name: 'reports', roles: ['admin'], scopes: ['admin:read'] },
  })
  await call('operator', 'DELETE', `${keys}/${id}`)
  const booking = await call('operator', 'POST', keys, {
    ...{ tenant: 'acme', name: 'booking', roles: ['service'], expiresAt: '2099-12-31T00:00:00Z' },
  })
  await call('operator', 'POST', `${keys}/${booking.id}/rotate`, {})
  await call('operator', 'POST', '/platform/tenants/acme/suspend', { reason: 'unpaid since May' })
}

/** A payment that waits, and a debt, as the reports of a provider leave them. */
async function casesOf({ database }: SuiteSite): Promise<void> {
  const sql = postgres(database.ownerUrl, { max: 1 })
  const [topup] = await sql<{ id: string }[]>`
    select id from transactions where type = 'topup' and user_id = ${USER} limit 1`
  const id = topup?.id ?? expect.fail('there is no topup')
  await sql`
    insert into provider_events (id, provider, event_id, kind, payment_id, tenant, topup_id, user_id,
      amount, currency, outcome, reason, received_at)
    values (gen_random_uuid(), 'stripe', 'evt_1', 'succeeded', 'pi_3Px7YbLkdIwHu7ix0g9aKq2Z', 'default', ${id},
      ${USER}, 4000, 'USD', 'waiting', 'amount_mismatch', now())`
  await sql.end()
}
