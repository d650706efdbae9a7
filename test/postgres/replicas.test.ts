import { expect } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { connect } from '../../src/postgres/database.ts'
import { describeWithRedis, eventually, mintToken, redisUrl } from '../support/index.ts'
import { type Booted, bootServer } from '../support/observability/booted.ts'
import { scrape } from '../support/observability/scrape.ts'
import { test as base } from '../support/postgres/replicated.ts'
import { startLine } from '../support/postgres/start-line.ts'
import { startSwitch } from '../support/postgres/switch.ts'

const test = base
  .extend('address', { scope: 'file' }, async ({ pair }, { onCleanup }) => {
    const address = await startSwitch(pair.standby.port)
    onCleanup(() => address.close())
    return address
  })
  /** Of a replica that is not there. */
  .extend('nobody', { scope: 'file' }, () => freePort())
  .extend('server', { scope: 'file' }, async ({ pair, address, nobody }, { onCleanup }) => {
    const two = pair.urlOf(address.port).replace(/@[^/]*/, `$&,127.0.0.1:${nobody}`)
    const server = await bootServer({
      DATABASE_URL: pair.urlOf(pair.primary.port),
      DATABASE_REPLICA_URL: two,
      DATABASE_REPLICA_MAX_LAG: '2',
      REDIS_URL: redisUrl(),
      RATE_LIMIT_READS: '0',
      RATE_LIMIT_IP_READS: '0',
      RATE_LIMIT_WRITES: '0',
      RATE_LIMIT_IP_WRITES: '0',
    })
    onCleanup(() => server.close())
    return server
  })
  .extend('standby', { scope: 'file' }, async ({ pair, address }, { onCleanup }) => {
    const sql = connect(pair.urlOf(address.port), { max: 1 })
    onCleanup(() => sql.end({ timeout: 0 }))
    return sql
  })
  .extend('primary', { scope: 'file' }, async ({ pair }, { onCleanup }) => {
    const sql = connect(pair.urlOf(pair.primary.port), { max: 1 })
    onCleanup(() => sql.end({ timeout: 0 }))
    return sql
  })

/** A request of the admin `boss`. */
async function ask<T>({ url }: Booted, path: string, body?: object): Promise<T> {
  const token = await mintToken({ sub: 'boss', roles: ['admin'] })
  const response = await fetch(url + path, {
    method: body ? 'POST' : 'GET',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
  return path.includes('/export') ? (text as T) : JSON.parse(text)
}

interface Page {
  items: { id: string }[]
}

const give = (server: Booted, userId: string) =>
  ask<{ id: string }>(server, '/transactions/adjustment', { userId, amount: 1, description: 'x' })

const statementOf = (server: Booted, userId: string) =>
  ask<Page>(server, `/transactions/all?userId=${userId}&limit=5`)

/** Reads by the server that answered them, since the start. */
async function reads({ url }: Booted) {
  const { value } = await scrape(url)
  const of = (server: string) => value('livebalance_replica_reads_total', { server }) ?? 0
  return { replica: of('replica'), primary: of('primary') }
}

async function replicasIn({ url }: Booted): Promise<unknown> {
  const response = await fetch(`${url}/health/ready`)
  const { checks } = (await response.json()) as { checks: Record<string, unknown> }
  return [response.status, checks.replicas]
}

const told = (server: Booted, text: string) =>
  server.log.filter(({ msg, replica }) => msg === text && !String(replica).startsWith('nobody'))

const LEFT_OUT = 'a replica is left out, and the primary takes its reads'
const ABSENT = 'replica 2 does not answer'

describeWithRedis('read replicas', () => {
  // The pair takes longer to start than a test may last.
  test.beforeAll(({ server: _started }) => {}, 120_000)

  const becomesFit = (server: Booted) =>
    eventually(async () =>
      expect(await replicasIn(server)).toEqual([
        200,
        { ok: true, reason: `1 of 2 take reads: ${ABSENT}` },
      ]),
    )
  const isOut = (server: Booted, problem: RegExp) =>
    eventually(async () =>
      expect(await replicasIn(server)).toEqual([
        200,
        {
          ok: true,
          reason: expect.stringMatching(
            new RegExp(`^0 of 2 take reads: replica 1 ${problem.source}, ${ABSENT}$`),
          ),
        },
      ]),
    )

  test('take statements, exports, searches, audits and analytics, and no other read', async ({
    server,
    nobody,
    address,
  }) => {
    await becomesFit(server)
    expect(server.log).toContainEqual(
      expect.objectContaining({ msg: LEFT_OUT, level: 'warn', replica: `127.0.0.1:${nobody}` }),
    )
    const { id } = await give(server, 'ann')
    await eventually(async () => {
      const before = await reads(server)
      expect((await statementOf(server, 'ann')).items).toMatchObject([{ id }])
      expect(await ask(server, '/transactions/export?userId=ann')).toContain(id)
      expect(await ask(server, `/admin/search?q=${id}`)).toMatchObject({ items: [{ id }] })
      expect(await ask(server, '/transactions/audit')).toMatchObject({ inaccurate: 0 })
      expect(await ask(server, '/transactions/verify/ann')).toMatchObject({ isAccurate: true })
      await ask(server, '/transactions/balance/series?userId=ann')
      await ask(server, '/admin/analytics?from=2026-01-01&to=2026-02-01&bucket=day')
      const after = await reads(server)
      expect(after.replica - before.replica).toBeGreaterThanOrEqual(7)
      expect(after.primary).toBe(before.primary)
    })
    const before = await reads(server)
    await ask(server, '/transactions/balance?userId=ann')
    await ask(server, `/transactions/${id}`)
    await ask(server, '/transactions/topup/pending')
    expect(await reads(server)).toEqual(before)
    const { value } = await scrape(server.url)
    const replica = `127.0.0.1:${address.port}`
    expect(value('livebalance_replica_up', { replica })).toBe(1)
    expect(value('livebalance_replica_lag_seconds', { replica })).toBe(0)
    expect(value('livebalance_replica_up', { replica: `127.0.0.1:${nobody}` })).toBe(0)
  })

  test('never hide what a caller has just done, though the replica stands still', async ({
    server,
    standby,
  }) => {
    await becomesFit(server)
    const wrong: number[] = []
    for (let round = 0; round < 200; round++) {
      // Sometimes it stands still and is not left out yet, sometimes it comes forward in the middle.
      if (round % 10 === 0) await standby`select pg_wal_replay_pause()`
      if (round % 10 === 5) await standby`select pg_wal_replay_resume()`
      const { id } = await give(server, 'bob')
      const { items } = await statementOf(server, 'bob')
      if (items[0]?.id !== id) wrong.push(round)
    }
    await standby`select pg_wal_replay_resume()`
    expect(wrong).toEqual([])
    await becomesFit(server)
  })

  test('one that lags is left out, named, and taken in again', async ({
    server,
    standby,
    address,
  }) => {
    await becomesFit(server)
    await standby`select pg_wal_replay_pause()`
    await give(server, 'cid')
    const replica = `127.0.0.1:${address.port}`
    await isOut(server, /is \d+ s behind/)
    const { value } = await scrape(server.url)
    expect(value('livebalance_replica_up', { replica })).toBe(0)
    expect(value('livebalance_replica_lag_seconds', { replica })).toBeGreaterThan(2)
    expect(server.log).toContainEqual(
      expect.objectContaining({ msg: LEFT_OUT, level: 'warn', replica }),
    )
    const before = await reads(server)
    await ask(server, '/admin/analytics?from=2026-01-01&to=2026-02-01&bucket=day')
    const after = await reads(server)
    expect([after.replica, after.primary > before.primary]).toEqual([before.replica, true])
    await standby`select pg_wal_replay_resume()`
    await becomesFit(server)
    expect(told(server, 'a replica takes reads').at(-1)).toMatchObject({ level: 'info', replica })
  })

  test('reads under way at one that hangs are answered by the primary', async ({
    pair,
    server,
  }) => {
    await becomesFit(server)
    const { id } = await give(server, 'dan')
    await pair.standbyHasAll()
    pair.pauseStandby()
    try {
      const statements = await Promise.all(
        Array.from({ length: 5 }, () => statementOf(server, 'dan')),
      )
      for (const { items } of statements) expect(items[0]?.id).toBe(id)
      await isOut(server, /does not answer/)
    } finally {
      pair.resumeStandby()
    }
    await becomesFit(server)
  })

  test('one that dies is left out, and taken in again when it is back', async ({
    pair,
    server,
    address,
  }) => {
    await becomesFit(server)
    await pair.killStandby()
    const { id } = await give(server, 'eve')
    expect((await statementOf(server, 'eve')).items).toMatchObject([{ id }])
    await isOut(server, /does not answer/)
    await pair.restartStandby()
    address.target = pair.standby.port
    await becomesFit(server)
    await eventually(async () => {
      const before = await reads(server)
      expect((await statementOf(server, 'eve')).items).toMatchObject([{ id }])
      expect((await reads(server)).replica).toBeGreaterThan(before.replica)
    })
  })

  test('one that was promoted gets no reads: it goes its own way', async ({ pair, server }) => {
    await becomesFit(server)
    const sql = connect(pair.urlOf(pair.standby.port), { max: 1 })
    try {
      await sql`select pg_promote(wait => true)`
    } finally {
      await sql.end()
    }
    await isOut(server, /is no standby/)
    const { id } = await give(server, 'fay')
    expect((await statementOf(server, 'fay')).items).toMatchObject([{ id }])
  })

  test('need a database that they are replicas of', async () => {
    expect(await startLine({ DATABASE_REPLICA_URL: 'postgres://db2/ledger' })).toBe(
      'DATABASE_URL must be set with DATABASE_REPLICA_URL: it names the primary',
    )
    expect(await startLine({ DATABASE_REPLICA_URL: 'mysql://db2/ledger' })).toMatch(
      /^DATABASE_REPLICA_URL must be postgres:/,
    )
  })
})
