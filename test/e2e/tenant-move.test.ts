import { randomUUID } from 'node:crypto'
import { expect, onTestFinished } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { livebalance } from '../support/cli/livebalance.ts'
import { createDatabase, createEmptyDatabase, type TestDatabase } from '../support/database.ts'
import { disorder, startReceiver } from '../support/deliveries/receiver.ts'
import { ask } from '../support/e2e/ask.ts'
import { test } from '../support/fixtures.ts'
import { describeWithRedis, eventually, mintToken, redisUrl, UNLIMITED } from '../support/index.ts'
import { type Booted, bootServer } from '../support/observability/booted.ts'
import { startLine } from '../support/postgres/start-line.ts'
import {
  intentFor,
  STRIPE_SECRET,
  signedByStripe,
  stripeEvent,
} from '../support/providers/stripe.ts'
import { connectBy } from '../support/realtime/balance-server.ts'

const user = (sub: string, tenant: string) => ({ sub, tenant })
const admin = (tenant: string, sub = 'ada') => ({ sub, tenant, roles: ['admin'] })

async function give(server: Booted, tenant: string, userId: string, amount: number) {
  const gift = { userId, amount, description: 'gift' }
  const given = await ask(server, admin(tenant), 'POST /transactions/adjustment', gift)
  expect(given.status).toBe(201)
}

async function pay(server: Booted, tenant: string, sub: string, amount: number, key?: string) {
  const response = await fetch(`${server.url}/transactions`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${await mintToken(user(sub, tenant))}`,
      'Content-Type': 'application/json',
      ...(key && { 'Idempotency-Key': key }),
    },
    body: JSON.stringify({ type: 'booking_payment', amount }),
  })
  const answer = (await response.json()) as { id?: string; code?: string }
  return { status: response.status, headers: response.headers, body: answer }
}

async function balanceOf(server: Booted, tenant: string, sub: string) {
  return (await ask(server, user(sub, tenant), 'GET /transactions/balance')).body.balance
}

/** In minor units, of all users. */
async function sumIn(sql: Sql, tenant: string): Promise<bigint> {
  const [row] = await sql<{ sum: string }[]>`
    select coalesce(sum(balance), 0)::text as sum from balance_snapshots where tenant = ${tenant}`
  return BigInt(row?.sum ?? 0)
}

function opened({ ownerUrl }: TestDatabase): Sql {
  const sql = connect(ownerUrl, { max: 2 })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

describeWithRedis('a tenant moves to another database', () => {
  test('while money moves, and back', async ({ database, owner }) => {
    const tenant = `acme-${randomUUID()}`
    const beside = await createEmptyDatabase()
    const booted: Booted[] = []
    const boot = async (env: Record<string, string>) => {
      const server = await bootServer(env)
      booted.push(server)
      return server
    }
    onTestFinished(async () => {
      await Promise.all(booted.map((server) => server.close()))
      await beside.drop()
    })
    const main = {
      ...UNLIMITED,
      ...{ DATABASE_URL: database.ownerUrl, REDIS_URL: redisUrl(), WEBHOOK_ALLOW_PRIVATE: 'true' },
    }
    const placed = { ...main, TENANT_DATABASES: `${tenant}=${beside.ownerUrl}` }
    const there = nameOf(beside)
    const move = (env: Record<string, string>, ...args: string[]) =>
      livebalance(env, 'tenants', 'move', tenant, ...args)

    const receiver = await startReceiver()
    const before = await boot(main)
    const webhook = { url: receiver.url, events: ['balance_updated', 'transaction_completed'] }
    expect((await ask(before, admin(tenant), 'POST /admin/webhooks', webhook)).status).toBe(201)
    await give(before, tenant, 'ann', 100)
    await give(before, 'default', 'ann', 3)
    const token = await mintToken(user('ann', tenant))
    const client = connectBy.SSE(before.url, token)
    await eventually(() => expect(client.received).toHaveLength(1))
    const first = await pay(before, tenant, 'ann', 10, 'key-1')
    expect(first.status).toBe(201)
    await eventually(() => expect(client.seqs()).toEqual([3, 4]))

    // Ann and others pay one cent after the other until they are refused.
    let paid = 0
    const paying = ['ann', 'ann', 'ann'].map(async () => {
      for (;;) {
        const { status, headers, body } = await pay(before, tenant, 'ann', 0.01, randomUUID())
        if (status === 201) paid += 1
        else {
          expect([status, body.code]).toEqual([503, 'unavailable'])
          expect(headers.get('Retry-After')).not.toBeNull()
          return
        }
      }
    })
    // By the name in the setting of after, or by a connection string.
    const prepared = await move(placed, '--to', there, '--prepare')
    expect(prepared).toMatchObject({ code: 0, stderr: '' })
    const dry = (await move(main, '--to', beside.ownerUrl, '--dry-run', '--json')).json()
    expect(dry).toMatchObject({ tenant, from: 'main', to: there, meetingIds: 0 })
    expect(dry.tables.find(({ table }: { table: string }) => table === 'wallets').rows).toBe(1)
    const moved = await move(main, '--to', beside.ownerUrl, '--json')
    expect(moved.code, moved.stderr).toBe(0)
    expect(moved.json()).toMatchObject({ tenant, from: 'main', to: there, moved: true })
    await Promise.all(paying)
    expect(paid).toBeGreaterThan(0)
    const left = 90 - paid / 100

    // The server of before shows nobody the balance of before, and closes their streams.
    await eventually(async () => {
      const refused = await ask(before, user('ann', tenant), 'GET /transactions/balance')
      expect([refused.status, refused.body.code]).toEqual([503, 'unavailable'])
    })
    await client.failure
    expect((await pay(before, tenant, 'ann', 1)).status).toBe(503)
    expect((await pay(before, 'default', 'ann', 1)).status).toBe(201)
    expect(await startLine(main)).toBe(
      `TENANT_DATABASES: ${tenant} lives in a database of its own, which TENANT_DATABASES does not name`,
    )

    const seen = client.received.at(-1)?.data.id
    const after = await boot(placed)
    expect(await balanceOf(after, tenant, 'ann')).toBeCloseTo(left, 2)
    const apart = opened(beside)
    const [sumThere, sumBefore] = [await sumIn(apart, tenant), await sumIn(owner, tenant)]
    expect([sumThere, sumBefore]).toEqual([BigInt(Math.round(left * 100)), sumThere])

    // The other database has another epoch: the client starts from the balance, and has every event from then on once.
    const resumed = connectBy.SSE(after.url, token, { lastEventId: seen })
    await eventually(() => expect(resumed.received).toHaveLength(1))
    expect(resumed.received[0]?.data).toMatchObject({ recovered: false })
    expect(resumed.received[0]?.data.balance).toBeCloseTo(left, 2)
    // A payment that was answered before is answered again.
    const again = await pay(after, tenant, 'ann', 10, 'key-1')
    expect([again.status, again.body.id]).toEqual([first.status, first.body.id])
    expect((await pay(after, tenant, 'ann', 1)).status).toBe(201)
    const last = await seqOf(apart, tenant)
    await eventually(() => expect(resumed.seqs()).toEqual([last - 1, last]))
    await eventually(async () => {
      const cached = await ask(after, user('ann', tenant), 'GET /transactions/balance/cached')
      expect(cached.body.balance).toBeCloseTo(left - 1, 2)
      expect(cached.body.cached).toBe(true)
    })
    await eventually(() => expect(disorder(receiver, 'ann', last)).toEqual([]))
    await Promise.all([before.close(), resumed.close()])

    const audited = (await livebalance(placed, 'audit', '--json')).json()
    expect(audited.sound).toBe(true)

    // Back: only after the rows of before are gone.
    const early = await move(placed, '--to', 'main')
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('--purge')])
    const purged = await move(placed, '--purge')
    expect(purged.stdout).toMatch(new RegExp(`^[\\d,]+ rows of ${tenant} removed from main\\.\n$`))
    expect(await sumIn(owner, tenant)).toBe(0n)
    const returning = await move(placed, '--to', 'main')
    expect(returning.code, returning.stderr).toBe(0)
    expect(returning.stdout).toContain(`take ${tenant} out of TENANT_DATABASES`)
    expect((await pay(after, tenant, 'ann', 1)).status).toBe(503)
    const home = await boot(main)
    expect(await balanceOf(home, tenant, 'ann')).toBeCloseTo(left - 1, 2)
    // An id of the time before the first move is of this epoch: nothing is lost since.
    const old = connectBy.SSE(home.url, token, { lastEventId: seen })
    await eventually(() => expect(old.seqs().at(-1)).toBe(last))
    expect(old.received[0]?.data).toMatchObject({ recovered: true })
    const newest = connectBy.SSE(home.url, token)
    await eventually(() => expect(newest.received).toHaveLength(1))
    expect(newest.received[0]?.data.balance).toBeCloseTo(left - 1, 2)
    expect((await pay(home, tenant, 'ann', 1)).status).toBe(201)
    await eventually(() => expect(newest.seqs()).toEqual([last + 1, last + 2]))
    await eventually(() => expect(disorder(receiver, 'ann', last + 2)).toEqual([]))
    expect((await livebalance(main, 'audit', '--json')).json().sound).toBe(true)
    const deeds = await ask(home, admin(tenant), 'GET /admin/deeds')
    const ids = deeds.body.items.map(({ id }: { id: string }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('and a dispute of a payment of before is applied there', async ({ database }) => {
    const tenant = `globex-${randomUUID()}`
    const beside = await createDatabase()
    const main = {
      ...UNLIMITED,
      ...{ DATABASE_URL: database.ownerUrl, REDIS_URL: redisUrl() },
      STRIPE_WEBHOOK_SECRET: STRIPE_SECRET,
    }
    const placed = { ...main, TENANT_DATABASES: `${tenant}=${beside.ownerUrl}` }
    const before = await bootServer(main)
    let after: Booted | undefined
    onTestFinished(async () => {
      await Promise.all([before.close(), after?.close()])
      await beside.drop()
    })
    const send = async (server: Booted, event: object) => {
      const { body, headers } = signedByStripe(event)
      const response = await fetch(`${server.url}/providers/stripe`, {
        ...{ method: 'POST', body, headers },
      })
      return { status: response.status, body: await response.json() }
    }
    const topup = await ask(before, user('eve', tenant), 'POST /transactions/topup', { amount: 20 })
    const { id } = topup.body
    const metadata = { topupId: id, tenant }
    const succeeded = stripeEvent('payment_intent.succeeded', intentFor(id, 2000, { metadata }))
    expect(await send(before, succeeded)).toMatchObject({ body: { outcome: 'applied' } })
    await livebalance(placed, 'tenants', 'move', tenant, '--to', nameOf(beside), '--prepare')
    const moved = await livebalance(placed, 'tenants', 'move', tenant, '--to', nameOf(beside))
    expect(moved.code, moved.stderr).toBe(0)

    const disputed = stripeEvent('charge.dispute.created', {
      ...{ id: 'dp_1', payment_intent: `pi_${id}`, amount: 2000, currency: 'usd' },
      ...{ object: 'dispute', reason: 'fraudulent', status: 'needs_response' },
    })
    // It names no topup, so a server of before asks only the database of before. The provider repeats it.
    expect(await send(before, disputed)).toMatchObject({ status: 503 })
    after = await bootServer(placed)
    expect(await send(after, disputed)).toMatchObject({ body: { outcome: 'applied' } })
    const { body } = await ask(after, user('eve', tenant), 'GET /transactions/balance')
    expect(body).toMatchObject({ balance: 20, held: 20 })
    // An event of before is known.
    expect(await send(after, succeeded)).toMatchObject({ body: { outcome: 'applied' } })
  })
})

const nameOf = ({ ownerUrl }: TestDatabase) => new URL(ownerUrl).pathname.slice(1)

async function seqOf(sql: Sql, tenant: string): Promise<number> {
  const [row] = await sql<{ seq: number }[]>`
    select seq::float8 as seq from wallets where tenant = ${tenant} and user_id = 'ann'`
  return row?.seq ?? 0
}
