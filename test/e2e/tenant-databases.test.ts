import { expect, onTestFinished } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { settle } from '../../src/tenants/homes.ts'
import { livebalance } from '../support/cli/livebalance.ts'
import { createDatabase } from '../support/database.ts'
import { startReceiver } from '../support/deliveries/receiver.ts'
import { ask } from '../support/e2e/ask.ts'
import { test as base } from '../support/fixtures.ts'
import { describeWithRedis, eventually, mintToken, redisUrl, UNLIMITED } from '../support/index.ts'
import { type Booted, bootServer } from '../support/observability/booted.ts'
import { scrape } from '../support/observability/scrape.ts'
import { startLine } from '../support/postgres/start-line.ts'
import { startSwitch } from '../support/postgres/switch.ts'
import {
  intentFor,
  STRIPE_SECRET,
  signedByStripe,
  stripeEvent,
} from '../support/providers/stripe.ts'
import { connectBy, TRANSPORTS } from '../support/realtime/balance-server.ts'

const ACME = 'acme'
const opal = { sub: 'opal', roles: ['operator'] }

/** Two servers on one Redis. The tenants `acme` and `globex` live in a database beside the main one. */
const test = base
  .extend('beside', { scope: 'file' }, async ({}, { onCleanup }) => {
    const database = await createDatabase()
    onCleanup(() => database.drop())
    return database
  })
  .extend('apart', { scope: 'file' }, async ({ beside }, { onCleanup }) => {
    const sql = connect(beside.ownerUrl, { max: 2 })
    onCleanup(() => sql.end({ timeout: 1 }))
    return sql
  })
  .extend('env', { scope: 'file' }, ({ database, beside }) => ({
    ...UNLIMITED,
    ...{ DATABASE_URL: database.ownerUrl, REDIS_URL: redisUrl() },
    TENANT_DATABASES: `${ACME}=${beside.ownerUrl} globex=${beside.ownerUrl}`,
    ...{ STRIPE_WEBHOOK_SECRET: STRIPE_SECRET, WEBHOOK_ALLOW_PRIVATE: 'true' },
  }))
  .extend('servers', { scope: 'file' }, async ({ env }, { onCleanup }) => {
    const [here, there] = await Promise.all([bootServer(env), bootServer(env)])
    onCleanup(async () => void (await Promise.all([here.close(), there.close()])))
    return { here, there }
  })

const user = (sub: string, tenant = ACME) => ({ sub, tenant })
const admin = (tenant = ACME, sub = 'ada') => ({ sub, tenant, roles: ['admin'] })
const service = { sub: 'booking', tenant: ACME, roles: ['service'] }

async function give(server: Booted, userId: string, amount: number, tenant = ACME) {
  const gift = { userId, amount, description: 'gift' }
  const given = await ask(server, admin(tenant), 'POST /transactions/adjustment', gift)
  expect(given.status).toBe(201)
  return given.body
}

const pay = (server: Booted, sub: string, amount: number) =>
  ask(server, user(sub), 'POST /transactions', { type: 'booking_payment', amount })

const balanceOf = async (server: Booted, sub: string, tenant = ACME) =>
  (await ask(server, user(sub, tenant), 'GET /transactions/balance')).body.balance

describeWithRedis('tenants in a database beside the main one', () => {
  test.for(TRANSPORTS)(
    '%s: events arrive, and a client resumes at the other server',
    async (transport, { servers: { here, there } }) => {
      const ann = `ann-${transport}`
      const token = await mintToken(user(ann))
      const client = connectBy[transport](there.url, token)
      await eventually(() => expect(client.received).toHaveLength(1))
      await give(here, ann, 10)
      expect((await pay(here, ann, 4)).status).toBe(201)
      await eventually(() => expect(client.seqs()).toEqual([1, 2, 3, 4]))
      const last = client.received.at(-1)?.data.id
      client.close()

      await pay(there, ann, 1)
      const again = connectBy[transport](here.url, token, { lastEventId: last })
      await eventually(() => expect(again.seqs()).toEqual([5, 6]))
      expect(again.received[0]?.data).toMatchObject({ recovered: true, balance: 5 })
      // An id of the main database's events says nothing about these.
      await give(here, ann, 7, 'default')
      const of = await mintToken({ sub: ann })
      const other = connectBy[transport](here.url, of, { lastEventId: last })
      await eventually(() => expect(other.received[0]?.data.recovered).toBe(false))
      expect(other.received[0]?.data.balance).toBe(7)
    },
  )

  test('its money is only there, and reads, exports and audits find it', async ({
    servers: { here, there },
    owner,
    apart,
  }) => {
    await give(here, 'bob', 10)
    await give(here, 'bob', 3, 'default')
    await pay(there, 'bob', 4)
    expect([await balanceOf(here, 'bob'), await balanceOf(there, 'bob', 'default')]).toEqual([6, 3])
    await eventually(async () => {
      const cached = await ask(there, user('bob'), 'GET /transactions/balance/cached')
      expect(cached.body).toEqual({ balance: 6, cached: true })
    })
    const tenantsIn = async (sql: typeof owner) =>
      (
        await sql<{ tenant: string }[]>`
          select distinct tenant::text from wallets where user_id = 'bob'`
      ).map(({ tenant }) => tenant)
    expect([await tenantsIn(owner), await tenantsIn(apart)]).toEqual([['default'], [ACME]])

    const mine = await ask(here, user('bob'), 'GET /transactions/my-transactions')
    expect(mine.body.items.map(({ amount }: { amount: number }) => amount)).toEqual([-4, 10])
    const csv = await ask(here, user('bob'), 'GET /transactions/export?format=csv')
    expect(csv.body.trim().split('\n')).toHaveLength(3)
    const events = await ask(there, user('bob'), 'GET /balance/events')
    expect(events.body.items).toHaveLength(4)
    const audit = await ask(here, admin(), 'GET /transactions/audit')
    expect(audit.body).toMatchObject({ inaccurate: 0, discrepancies: [] })
    expect(audit.body.total).toBeGreaterThan(0)
    const bulk = await ask(here, service, 'POST /transactions/bulk', {
      commands: [{ type: 'booking_payment', userId: 'bob', amount: 1 }],
    })
    expect(bulk.body.results[0].transaction.newBalance).toBe(5)
  })

  test('settings of the tenant count there, its log shows keys and money, its use is whole', async ({
    servers: { here, there },
  }) => {
    const limit = { type: 'booking_payment', currency: 'USD', maxAmount: 5 }
    const settings = { id: 'globex', name: 'Globex', limits: [limit] }
    expect((await ask(here, opal, 'POST /platform/tenants', settings)).status).toBe(201)
    await give(here, 'cy', 100, 'globex')
    const paid = await ask(there, user('cy', 'globex'), 'POST /transactions', {
      ...{ type: 'booking_payment', amount: 6 },
    })
    expect([paid.status, paid.body.code]).toEqual([422, 'limit_exceeded'])

    const key = { name: 'booking', roles: ['admin'] }
    expect((await ask(here, admin('globex'), 'POST /admin/keys', key)).status).toBe(201)
    const deeds = async (query: string) =>
      (await ask(there, admin('globex'), `GET /admin/deeds?${query}`)).body
    const first = await deeds('limit=2')
    const rest = await deeds(`limit=2&cursor=${first.nextCursor}`)
    expect([...first.items, ...rest.items].map(({ deed }: { deed: string }) => deed)).toEqual([
      ...['key_create', 'adjustment', 'tenant_create'],
    ])
    const usage = await ask(here, opal, 'GET /platform/tenants/globex/usage?requests=day')
    expect(usage.body).toMatchObject({ users: 1, keys: 1 })
  })

  test('holds expire, webhooks are sent, and roll-ups are kept', async ({
    servers: { here, there },
  }) => {
    const receiver = await startReceiver()
    const webhook = { url: receiver.url, events: ['balance_updated'] }
    expect((await ask(here, admin(), 'POST /admin/webhooks', webhook)).status).toBe(201)
    await give(there, 'dan', 10)
    await eventually(() => expect(receiver.accepted('dan').length).toBe(1))
    const hold = { userId: 'dan', amount: 4, expiresIn: 1 }
    const held = await ask(here, service, 'POST /transactions/hold', hold)
    expect(held.status).toBe(201)
    await eventually(async () => {
      const { body } = await ask(here, admin(), `GET /transactions/${held.body.id}`)
      expect(body.status).toBe('expired')
    })
    const now = Date.now()
    const range = `from=${new Date(now - 3_600_000).toISOString()}&to=${new Date(now + 3_600_000).toISOString()}`
    await eventually(async () => {
      const path = `GET /admin/analytics?${range}&bucket=hour`
      const { status, body } = await ask(here, admin(), path)
      expect([status, JSON.stringify(body).includes('admin_adjustment')]).toEqual([200, true])
    })
  })

  test('a topup is paid by a provider, also where an event does not name it', async ({
    servers: { here },
  }) => {
    const topup = await ask(here, user('eve'), 'POST /transactions/topup', { amount: 20 })
    const { id } = topup.body
    const send = async (event: object) => {
      const { body, headers } = signedByStripe(event)
      const response = await fetch(`${here.url}/providers/stripe`, {
        ...{ method: 'POST', body, headers },
      })
      return { status: response.status, body: await response.json() }
    }
    const dispute = { id: 'dp_1', payment_intent: `pi_${id}`, amount: 2000, currency: 'usd' }
    const disputed = stripeEvent('charge.dispute.created', {
      ...{ ...dispute, object: 'dispute', reason: 'fraudulent', status: 'needs_response' },
    })
    expect(await send(disputed)).toMatchObject({ status: 200, body: { outcome: 'parked' } })
    const metadata = { topupId: id, tenant: ACME }
    await send(stripeEvent('payment_intent.succeeded', intentFor(id, 2000, { metadata })))
    const { body } = await ask(here, user('eve'), 'GET /transactions/balance')
    expect(body).toMatchObject({ balance: 20, held: 20 })
  })

  test('each database has metrics of its own, and readiness names none', async ({
    servers: { here },
    beside,
  }) => {
    const name = new URL(beside.ownerUrl).pathname.slice(1)
    const { value } = await scrape(here.url)
    for (const database of ['main', name]) {
      expect(value('livebalance_postgres_up', { database })).toBe(1)
      expect(value('livebalance_outbox_rows', { database })).toBeDefined()
    }
    const ready = await fetch(`${here.url}/health/ready`)
    const { checks } = (await ready.json()) as { checks: object }
    expect([ready.status, checks]).toMatchObject([200, { tenantDatabases: { ok: true } }])
  })

  test('the command line works on each database', async ({
    env,
    servers: { here },
    beside,
    apart,
  }) => {
    await give(here, 'ivy', 1)
    await give(here, 'ivy', 1, 'default')
    const [audited, migrated, shown] = await Promise.all([
      livebalance(env, 'audit', '--json'),
      livebalance(env, 'migrate'),
      livebalance(env, 'epoch', 'show', '--tenant', ACME),
    ])
    const { sound, tenants } = audited.json()
    expect([sound, tenants.map(({ tenant }: { tenant: string }) => tenant)]).toEqual([
      ...[true, expect.arrayContaining(['default', ACME])],
    ])
    const name = new URL(beside.ownerUrl).pathname.slice(1)
    const current = 'The database is up to date.'
    expect(migrated.stdout).toBe(`main: ${current}\n${name}: ${current}\n`)
    const [row] = await apart<{ epoch: string }[]>`select epoch from meta`
    expect(shown.stdout).toBe(`${row?.epoch}\n`)
  })

  test('while it is away, only its tenants wait, also at a start', async ({ env, beside }) => {
    const real = new URL(beside.ownerUrl)
    const address = await startSwitch(await freePort())
    onTestFinished(() => address.close())
    const url = new URL(beside.ownerUrl)
    url.port = String(address.port)
    url.hostname = '127.0.0.1'
    const placed = { TENANT_DATABASES: `${ACME}=${url} globex=${url}` }
    const server = await bootServer({ ...env, ...placed, REQUEST_TIMEOUT: '2' })
    onTestFinished(() => server.close())
    const refused = await ask(server, user('fay'), 'GET /transactions/balance')
    expect([refused.status, refused.body.code]).toEqual([503, 'unavailable'])
    expect(refused.headers.get('Retry-After')).not.toBeNull()
    const streamed = connectBy.WebSocket(server.url, await mintToken(user('fay')))
    expect(await streamed.failure).toMatchObject({ status: 503 })
    expect(await balanceOf(server, 'fay', 'default')).toBe(0)
    const ready = async () => {
      const response = await fetch(`${server.url}/health/ready`)
      const { checks } = (await response.json()) as { checks: { tenantDatabases: object } }
      return [response.status, checks.tenantDatabases]
    }
    await eventually(async () => {
      expect(await ready()).toEqual([
        ...[200, { ok: true, reason: 'database 1 cannot be reached' }],
      ])
    })
    const warnings = server.log.filter(({ msg }) => String(msg).includes('cannot be reached'))
    expect(warnings).toHaveLength(1)

    address.target = Number(real.port)
    await eventually(async () => {
      const given = await ask(server, admin(), 'POST /transactions/adjustment', {
        ...{ userId: 'fay', amount: 5, description: 'gift' },
      })
      expect(given.status).toBe(201)
    })
    expect(await balanceOf(server, 'fay')).toBe(5)
    await eventually(async () => expect(await ready()).toEqual([200, { ok: true }]))

    address.close()
    expect((await pay(server, 'fay', 1)).status).toBe(503)
    await give(server, 'fay', 2, 'default')
    expect(await ready()).toEqual([
      ...[200, { ok: true, reason: 'database 1: Postgres does not answer' }],
    ])
  })

  test('a server that would begin a second ledger for a tenant does not start', async ({
    env,
    servers: { here },
    owner,
    beside,
  }) => {
    await give(here, 'gil', 1, 'default')
    await give(here, 'gil', 1)
    const third = await createDatabase()
    onTestFinished(() => third.drop())
    const start = (placed: string) => startLine({ ...env, TENANT_DATABASES: placed })
    const kept = `globex=${beside.ownerUrl}`
    expect(await start('')).toBe(
      'TENANT_DATABASES: acme lives in a database of its own, which TENANT_DATABASES does not name',
    )
    expect(await start(`${kept} acme=${third.ownerUrl}`)).toBe(
      'TENANT_DATABASES: acme lives in another database than TENANT_DATABASES says',
    )
    const both = `${kept} acme=${beside.ownerUrl}`
    expect(await start(`${both} default=${beside.ownerUrl}`)).toBe(
      'TENANT_DATABASES: default has wallets in DATABASE_URL, and TENANT_DATABASES places it elsewhere',
    )
    expect(await start(`${both} newco=${env.DATABASE_URL}?application_name=x`)).toMatch(
      /^TENANT_DATABASES: \S+ and main are the same database$/,
    )
    const unknown = new URL(beside.ownerUrl)
    unknown.pathname = '/nothing_here'
    expect(await start(`${both} newco=${unknown}`)).toMatch(/^TENANT_DATABASES: nothing_here: /)
    // Not even a server of another version, or a program that calls the ledger by SQL.
    await expect(owner`select open_wallet('acme', 'hal')`).rejects.toMatchObject({ code: '57L01' })
  })
})

test('two servers that start for the first time together place a tenant once', async () => {
  const databases = [await createDatabase(), await createDatabase()] as const
  const [main, beside] = databases.map(({ ownerUrl }) => connect(ownerUrl, { max: 2 })) as [
    Sql,
    Sql,
  ]
  onTestFinished(async () => {
    await Promise.all([main.end(), beside.end()])
    await Promise.all(databases.map((database) => database.drop()))
  })
  // Whenever this one asks the main database, the other one has just done the whole.
  const interrupted = async (...asked: Parameters<Sql>) => {
    await settle(main, beside, [ACME])
    return main(...asked)
  }
  await settle(interrupted as unknown as Sql, beside, [ACME])
  expect(await main`select tenant, here from tenant_homes`).toEqual([{ tenant: ACME, here: false }])
  expect(await beside`select tenant, here from tenant_homes`).toEqual([
    { tenant: ACME, here: true },
  ])
})
