import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  createDatabase,
  createEmptyDatabase,
  describeWithRedis,
  eventually,
  mintToken,
  redisUrl,
  TEST_SECRET,
  type TestDatabase,
} from '../environment/index.ts'
import { inProcess, livebalance, start } from './livebalance.ts'
import { type CliServer, startServer } from './server.ts'

const NOWHERE = 'postgres://127.0.0.1:1/nothing'

describe('what is typed', () => {
  test.each([
    [[], 'Usage: livebalance <command>'],
    [['fly'], 'no command fly'],
    [['topups'], 'topups approve'],
    [['audit', '--fast'], '--fast'],
    [['audit', 'alice'], 'takes no argument: alice'],
    [['audit', '--tenant', ''], '--tenant must not be empty'],
    [['recalculate'], 'name a user, or give --all'],
    [['recalculate', 'alice', '--all'], 'name a user, or give --all'],
    [['topups', 'approve'], 'name the topups'],
    [['topups', 'list', '--status', 'open'], '--status is pending'],
    [['topups', 'list', '--limit', 'many'], '--limit is a number'],
    [['token'], '--sub is missing'],
    [['token', '--sub', 'a b'], '--sub is 1 to 128'],
    [['token', '--sub', 'a', '--roles', 'king'], 'admin and service'],
    [['token', '--sub', 'a', '--expires', 'soon'], '--expires is a duration'],
    [['tail'], 'no Redis to listen to'],
  ])('%j is wrong usage, and says why', async (args, why) => {
    const { code, stdout, stderr } = await inProcess({ DATABASE_URL: NOWHERE }, ...args)
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(why),
    })
  })

  test.each([[['--help']], [['audit', '--help']], [['topups', '--help']], [['tail', '--help']]])(
    '%j explains itself',
    async (args) => {
      const { code, stdout, stderr } = await inProcess({}, ...args)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(/^Usage: livebalance .*--json.*Exit codes/s)
    },
  )

  test('a process ends with the code, and keeps results and complaints apart', async () => {
    const [help, wrong] = await Promise.all([
      livebalance({}, '--help'),
      livebalance({ DATABASE_URL: NOWHERE }, 'fly'),
    ])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(wrong).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^livebalance: /),
    })
  })

  test('a bad environment, a database and a server that are away end with 1 and one line', async () => {
    const all = await Promise.all([
      livebalance({ DATABASE_URL: 'mysql://x' }, 'migrate'),
      livebalance({ DATABASE_URL: NOWHERE }, 'audit'),
      livebalance({ JWT_SECRET: TEST_SECRET }, 'topups', 'list', '--url', 'http://127.0.0.1:7'),
      livebalance({ DATABASE_URL: NOWHERE }, 'topups', 'list'),
      livebalance({ JWT_JWKS_URL: 'https://id.example.com' }, 'token', '--sub', 'a'),
    ])
    const about = [
      /DATABASE_URL must/,
      /no database answers/,
      /no server answers/,
      /JWT_SECRET/,
      /identity/,
    ]
    for (const [i, { code, stdout, stderr }] of all.entries()) {
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(about[i] as RegExp)
      expect(stderr.trim().split('\n')).toHaveLength(1)
    }
  })

  test('with --json the reason is JSON too', async () => {
    const { stderr } = await livebalance({ DATABASE_URL: NOWHERE }, 'audit', '--json')
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'unavailable', message: expect.stringContaining('no database answers') },
    })
  })
})

test('migrate brings an empty database up to date, once; nothing else touches one that is not', async () => {
  const database = await createEmptyDatabase()
  onTestFinished(() => database.drop())
  const env = { DATABASE_URL: database.ownerUrl }
  const early = await livebalance(env, 'audit')
  expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('livebalance migrate')])
  const first = await livebalance(env, 'migrate', '--json')
  expect([first.code, first.json().applied[0]]).toEqual([0, 'migrations/0001_ledger.sql'])
  const second = await livebalance(env, 'migrate')
  expect([second.code, second.stdout]).toEqual([0, 'The database is up to date.\n'])
  const audit = await livebalance(env, 'audit', '--json')
  expect([audit.code, audit.json()]).toEqual([0, { sound: true, tenants: [] }])
})

describeWithRedis('with a server', () => {
  let database: TestDatabase
  let server: CliServer
  const cli = (...args: string[]) => livebalance(server.env, ...args)
  const topup = (amount: number | string, sub = 'cli-alice') =>
    server.post(sub, '/transactions/topup', { amount })

  beforeAll(async () => {
    database = await createDatabase()
    server = await startServer(database.ownerUrl, redisUrl())
  })
  afterAll(async () => {
    await server?.close()
    await database?.drop()
  })

  test('topups are listed, approved and rejected, each for itself', async () => {
    const [good, bad] = [await topup('90071992547409.91'), await topup(20)]
    const listed = await cli('topups', 'list')
    expect(listed.code).toBe(0)
    expect(listed.stdout).toMatch(
      new RegExp(`^${good.id} +cli-alice +90071992547409.91 +USD +pending`, 'm'),
    )
    const user = await cli('topups', 'list', '--user', 'nobody', '--json')
    expect(user.json()).toEqual({ items: [] })

    const rejected = await cli('topups', 'reject', bad.id, '--notes', 'no such payment', '--json')
    expect(rejected.json().items[0].transaction).toMatchObject({
      status: 'failed',
      adminNotes: 'no such payment',
    })
    const mixed = await cli('topups', 'approve', good.id, bad.id, '../admin', '--json')
    expect(mixed.code).toBe(1)
    // The whole amount, which no double holds.
    expect(mixed.stdout).toContain('"amount":90071992547409.91')
    expect(mixed.json().items).toMatchObject([
      { id: good.id, transaction: { status: 'success', processedBy: 'cli' } },
      { id: bad.id, error: { code: 'already_processed' } },
      { id: '../admin', error: { code: 'invalid_request' } },
    ])
  })

  test('lists are read page by page', async () => {
    await Promise.all(Array.from({ length: 101 }, () => topup(1, 'cli-many')))
    const args = ['topups', 'list', '--user', 'cli-many', '--json', '--limit']
    const [all, some] = await Promise.all([cli(...args, '500'), cli(...args, '3')])
    expect(new Set(all.json().items.map(({ id }: { id: string }) => id)).size).toBe(101)
    expect(some.json().items).toEqual(all.json().items.slice(0, 3))
  })

  test('a token that is not an admin’s is refused, with the server’s reason', async () => {
    const env = { ...server.env, LIVEBALANCE_TOKEN: await mintToken({ sub: 'cli-alice' }) }
    const { code, stderr } = await livebalance(env, 'topups', 'list', '--json')
    expect([code, JSON.parse(stderr).error.code]).toEqual([1, 'forbidden'])
    const tenant = await livebalance(env, 'topups', 'list', '--tenant', 'acme')
    expect(tenant.code).toBe(2)
  })

  test('another tenant’s topups are not seen', async () => {
    await topup(5)
    expect((await cli('topups', 'list', '--tenant', 'acme', '--json')).json()).toEqual({
      items: [],
    })
  })

  test('tail prints what happens, by user and by event, and ends with 0', async () => {
    const tails = [
      start(server.env, 'tail', '--user', 'cli-tail'),
      start(server.env, 'tail', '--json', '--event', 'transaction_completed'),
      start(server.env, 'tail', '--user', 'cli-tail', '--url', server.url, '--json'),
    ]
    await Promise.all(tails.map((tail) => tail.printed(/Listening|Following/)))
    for (const sub of ['cli-other', 'cli-tail']) {
      const { id } = await topup(12.5, sub)
      await cli('topups', 'approve', id)
    }
    await Promise.all(
      tails.map((tail) =>
        tail.printed(/cli-tail.*transaction_completed|transaction_completed.*cli-tail/),
      ),
    )
    const [text, json, stream] = await Promise.all(tails.map((tail) => tail.interrupt()))
    for (const ran of [text, json, stream]) expect(ran?.code).toBe(0)
    expect(text?.stdout).toMatch(
      /cli-tail {2}balance_updated {2}\+12\.5 USD, now 12\.5 USD {2}topup/,
    )
    expect(text?.stdout).not.toContain('cli-other')
    const lines = (ran = json) =>
      (ran?.stdout ?? '')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    expect(lines().map(({ event, userId }) => [event, userId])).toEqual(
      expect.arrayContaining([
        ['transaction_completed', 'cli-other'],
        ['transaction_completed', 'cli-tail'],
      ]),
    )
    expect(new Set(lines().map(({ event }) => event)).size).toBe(1)
    expect(lines(stream).map(({ event }) => event)).toEqual([
      'balance_initial',
      'balance_updated',
      'transaction_completed',
    ])
  })

  test('recalculate repairs one wallet or all, tells the clients, and sets the cache right', async () => {
    for (const sub of ['cli-bob', 'cli-carol']) {
      await server.post(
        'ada',
        '/transactions/adjustment',
        { userId: sub, amount: 70, description: 'x' },
        ['admin'],
      )
    }
    const sql = postgres(database.ownerUrl, { max: 1 })
    onTestFinished(() => sql.end())
    const spoil = (sub: string) =>
      sql`update balance_snapshots set balance = balance + 500 where user_id = ${sub}`
    await spoil('cli-bob')
    const audit = await cli('audit', '--json')
    expect([audit.code, audit.json().sound]).toEqual([1, false])
    const [{ inaccurate, discrepancies }] = audit.json().tenants
    expect(inaccurate).toBe(1)
    expect(discrepancies[0]).toMatchObject({
      userId: 'cli-bob',
      snapshotBalance: 75,
      calculatedBalance: 70,
    })
    const told = await cli('audit', '--tenant', 'default')
    expect([told.code, told.stdout]).toEqual([1, expect.stringMatching(/cli-bob +USD +75 +70 /)])

    const tail = start(server.env, 'tail', '--user', 'cli-bob', '--json')
    await tail.printed(/Listening/)
    const one = await cli('recalculate', 'cli-bob', '--json')
    expect(one.json()).toMatchObject({ previousBalance: 75, newBalance: 70, corrected: true })
    await tail.printed(/"event":"balance_updated".*"newBalance":70/)

    await spoil('cli-carol')
    const all = await cli('recalculate', '--all', '--json')
    expect(all.json()).toMatchObject({ corrected: 1 })
    expect(all.json().total).toBeGreaterThanOrEqual(2)
    const token = await mintToken({ sub: 'cli-carol' })
    const cached = await eventually(() =>
      fetch(`${server.url}/transactions/balance/cached`, {
        headers: { Authorization: `Bearer ${token}` },
      }),
    )
    expect(await cached.json()).toEqual({ balance: 70, cached: true })
    expect(await cli('audit')).toMatchObject({ code: 0, stdout: expect.stringContaining('sound') })
    expect((await cli('recalculate', 'cli-nobody')).code).toBe(1)
    expect((await cli('audit', '--tenant', 'acme')).code).toBe(1)
  })

  test('epoch renew refuses while a server is connected, for that would keep the old one', async () => {
    const before = await cli('epoch', 'show', '--json')
    expect(await cli('epoch', 'renew')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('stop them first'),
    })
    expect((await cli('epoch', 'show', '--json')).json()).toEqual(before.json())
  })

  test('token signs what the server takes', async () => {
    const { token } = (
      await cli('token', '--sub', 'cli-alice', '--roles', 'Admin', '--json')
    ).json()
    const env = { LIVEBALANCE_URL: server.url, LIVEBALANCE_TOKEN: token }
    expect((await livebalance(env, 'topups', 'list', '--json')).code).toBe(0)
  })
})

test('a server that is busy is asked again, a topup with the key that it had', async () => {
  const keys: unknown[] = []
  const busy = createServer((request, response) => {
    keys.push(request.headers['idempotency-key'])
    if (keys.length < 3) response.writeHead(503, { 'Retry-After': '0.01' }).end('{}')
    else
      response.end(JSON.stringify({ userId: 'a', amount: 1, currency: 'USD', status: 'success' }))
  })
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void busy.close())
  const url = `http://127.0.0.1:${(busy.address() as AddressInfo).port}`
  const { code } = await livebalance(
    { JWT_SECRET: TEST_SECRET },
    'topups',
    'approve',
    'x',
    '--url',
    url,
  )
  expect([code, keys.length, new Set(keys).size]).toEqual([0, 3, 1])
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
})
