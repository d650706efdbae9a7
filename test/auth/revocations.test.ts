import { describe, expect, onTestFinished } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import type { Principal } from '../../src/auth/principal.ts'
import type { NewRevocation, RevocationStore } from '../../src/auth/revocation-store.ts'
import { PostgresRevocations } from '../../src/auth/revocation-store.ts'
import { Revocations, type RevocationsOptions } from '../../src/auth/revocations.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'
import { eventually, mintToken, TEST_SECRET } from '../support/index.ts'
import { bootServer } from '../support/observability/booted.ts'
import { silent } from '../support/realtime/balance-server.ts'

let sql: Sql
test.beforeAll(({ sql: connected }) => {
  sql = connected
})

/** The revocations of one process. Announcements get lost, unless the test delivers them. */
async function openProcess(options: Partial<RevocationsOptions> = {}) {
  const revocations = await Revocations.open({
    store: new PostgresRevocations(sql),
    log: silent,
    announce: async () => {
      throw new Error('redis is unavailable')
    },
    pollEveryMs: 100,
    ...options,
  })
  onTestFinished(() => revocations.close())
  return revocations
}

/** The real store, except for the methods that the test replaces. */
function storeWith(other: (store: RevocationStore) => Partial<RevocationStore>): RevocationStore {
  const store: RevocationStore = new PostgresRevocations(sql)
  return {
    revoke: (revocation) => store.revoke(revocation),
    lift: (tenant, id) => store.lift(tenant, id),
    list: (query) => store.list(query),
    changesAfter: (version, limit) => store.changesAfter(version, limit),
    prune: () => store.prune(),
    ...other(store),
  }
}

const now = () => Date.now() / 1000
const principal = (userId: string, rest: Partial<Principal> = {}): Principal => ({
  tenant: 'default',
  userId,
  isAdmin: false,
  isService: false,
  expiresAt: now() + 3600,
  issuedAt: Math.floor(now()) - 60,
  ...rest,
})
const revocation = (rest: Partial<NewRevocation>): NewRevocation => ({
  tenant: 'default',
  reason: null,
  revokedBy: 'ada',
  expiresAt: null,
  ...rest,
})

describe('revoking a user', () => {
  test('revokes the tokens issued up to now, and none of other users or tenants', async () => {
    const here = await openProcess()
    await here.revoke(revocation({ userId: 'alice' }))
    expect(here.covers(principal('alice'))).toBe(true)
    expect(here.covers(principal('bob'))).toBe(false)
    expect(here.covers(principal('alice', { tenant: 'other' }))).toBe(false)
    expect(here.covers(principal('bob', { tokenId: 'alice' }))).toBe(false)
  })

  test('allows clocks to differ by 30 s, and no more', async () => {
    const here = await openProcess()
    const { revokedAt } = await here.revoke(revocation({ userId: 'quinn' }))
    const at = (seconds: number) =>
      here.covers(principal('quinn', { issuedAt: Date.parse(revokedAt) / 1000 + seconds }))
    expect([29, 30, 31].map(at)).toEqual([true, true, false])
  })

  test('includes a token that has no `iat`', async () => {
    const here = await openProcess()
    await here.revoke(revocation({ userId: 'dora' }))
    const { issuedAt: _, ...timeless } = principal('dora')
    expect(here.covers(timeless)).toBe(true)
  })

  test('a second time revokes the tokens issued in between', async () => {
    const here = await openProcess()
    const first = await here.revoke(revocation({ userId: 'emil', reason: 'lost phone' }))
    // The earliest issue time that the first revocation does not cover.
    const between = principal('emil', { issuedAt: Date.parse(first.revokedAt) / 1000 + 30.001 })
    expect(here.covers(between)).toBe(false)
    await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(first.revokedAt) + 10))
    const again = await here.revoke(revocation({ userId: 'emil', reason: 'again' }))
    expect(again).toMatchObject({ id: first.id, reason: 'again' })
    expect(here.covers(between)).toBe(true)
  })
})

test('revoking one token leaves the user’s others', async () => {
  const here = await openProcess()
  await here.revoke(revocation({ tokenId: 't1' }))
  expect(here.covers(principal('frida', { tokenId: 't1' }))).toBe(true)
  expect(here.covers(principal('frida', { tokenId: 't2' }))).toBe(false)
  expect(here.covers(principal('frida', { tokenId: 't1', tenant: 'other' }))).toBe(false)
  expect(here.covers(principal('t1'))).toBe(false)
})

describe('another process', () => {
  test('finds it by itself when no announcement arrives, and calls its listeners', async () => {
    const [here, there] = [await openProcess(), await openProcess()]
    let calls = 0
    there.onRevoked(() => {
      calls += 1
    })
    const { id } = await here.revoke(revocation({ userId: 'gina' }))
    await eventually(() => expect(there.covers(principal('gina'))).toBe(true))
    expect(calls).toBe(1)
    await here.lift('default', id)
    await eventually(() => expect(there.covers(principal('gina'))).toBe(false))
    expect(calls).toBe(1)
  })

  test('finds it at once when it is announced', async () => {
    const there = await openProcess({ pollEveryMs: 3_600_000 })
    const here = await openProcess({ announce: async () => there.announced() })
    await here.revoke(revocation({ userId: 'hugo' }))
    await eventually(() => expect(there.covers(principal('hugo'))).toBe(true))
  })

  test('that starts later knows the revocation from the start', async () => {
    await (await openProcess()).revoke(revocation({ userId: 'ida' }))
    const later = await openProcess({ pollEveryMs: 3_600_000 })
    expect(later.covers(principal('ida'))).toBe(true)
  })

  test('misses none of many revocations that are written at once', async () => {
    const [here, there] = [await openProcess(), await openProcess({ pollEveryMs: 1 })]
    const users = Array.from({ length: 200 }, (_, i) => `many${i}`)
    await Promise.all(users.map((userId) => here.revoke(revocation({ userId }))))
    await eventually(() => {
      expect(users.filter((userId) => !there.covers(principal(userId)))).toEqual([])
    })
  })
})

test('a revocation is deleted when its token has expired, and not before', async () => {
  const here = await openProcess()
  const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString()
  await here.revoke(revocation({ tokenId: 'just over', expiresAt: at(-45) }))
  await here.revoke(revocation({ tokenId: 'long over', expiresAt: at(-90) }))
  await here.revoke(revocation({ tokenId: 'not over', expiresAt: at(90) }))
  const covered = (tokenId: string) => here.covers(principal('jane', { tokenId }))
  expect(['just over', 'long over', 'not over'].map(covered)).toEqual([true, false, true])
  await new PostgresRevocations(sql).prune()
  const rows = await sql`select subject from revocations where subject like '% over' order by 1`
  expect(rows.map(({ subject }) => subject)).toEqual(['just over', 'not over'])
})

test('with a longest lifetime of tokens, a user’s revocation expires with the last of them', async () => {
  const store = new PostgresRevocations(sql, { maxLifetimeSeconds: 3600 })
  const { revokedAt, expiresAt } = await store.revoke(revocation({ userId: 'kurt' }))
  expect(Date.parse(expiresAt ?? '') - Date.parse(revokedAt)).toBeCloseTo(3_600_000, -2)
})

test('while the database is unavailable, known revocations still count', async () => {
  let isUnavailable = false
  const warnings: unknown[] = []
  const here = await openProcess({
    store: storeWith((store) => ({
      async changesAfter(version, limit) {
        if (isUnavailable) throw new Error('connect ECONNREFUSED')
        return store.changesAfter(version, limit)
      },
    })),
    log: { warn: (...args: unknown[]) => void warnings.push(args), info: () => {} },
    pollEveryMs: 5,
  })
  await here.revoke(revocation({ userId: 'lena' }))
  isUnavailable = true
  await eventually(() => expect(warnings).toHaveLength(1))
  expect(here.covers(principal('lena'))).toBe(true)
  isUnavailable = false
  await new PostgresRevocations(sql).revoke(revocation({ userId: 'mona' }))
  await eventually(() => expect(here.covers(principal('mona'))).toBe(true))
})

test('a revocation that this process does not know yet is no success, and a repeat of it succeeds', async () => {
  let isUnavailable = false
  const here = await openProcess({
    pollEveryMs: 3_600_000,
    store: storeWith((store) => ({
      async changesAfter(version, limit) {
        if (isUnavailable) throw new Error('connect ECONNREFUSED')
        return store.changesAfter(version, limit)
      },
    })),
  })
  isUnavailable = true
  await expect(here.revoke(revocation({ userId: 'olga' }))).rejects.toThrow('ECONNREFUSED')
  expect(here.covers(principal('olga'))).toBe(false)
  isUnavailable = false
  await here.revoke(revocation({ userId: 'olga' }))
  expect(here.covers(principal('olga'))).toBe(true)
})

test('revocations of other processes are found while old ones are deleted', async () => {
  let begun = false
  const there = await openProcess({
    pollEveryMs: 5,
    pruneEveryMs: 0,
    store: storeWith(() => ({
      prune: () => {
        begun = true
        return new Promise(() => {})
      },
    })),
  })
  await eventually(() => expect(begun).toBe(true))
  await (await openProcess()).revoke(revocation({ userId: 'paul' }))
  await eventually(() => expect(there.covers(principal('paul'))).toBe(true))
})

test('a server whose readers all wait revokes at once, and learns of revocations elsewhere', async ({
  database,
  owner,
}) => {
  const server = await bootServer({ DATABASE_URL: database.ownerUrl, JWT_SECRET: TEST_SECRET })
  onTestFinished(() => server.close())
  const ask = (token: string, path: string, body?: object) =>
    fetch(server.url + path, {
      method: body ? 'POST' : 'GET',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
  const [rosa, sven, tina] = await Promise.all(
    ['rosa', 'sven', 'tina'].map((sub) => mintToken({ sub })),
  )
  const ada = await mintToken({ sub: 'ada', roles: ['admin'] })
  let slow: Promise<Response>[] = []
  await owner.begin(async (lock) => {
    await lock`lock table transactions in access exclusive mode`
    slow = Array.from({ length: 20 }, () => ask(rosa as string, '/transactions/my-transactions'))
    await eventually(async () => {
      const [row] = await owner`
        select count(*)::integer as waiting from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`
      expect(row?.waiting).toBeGreaterThanOrEqual(8)
    })
    expect((await ask(ada, '/admin/revocations', { userId: 'sven' })).status).toBe(201)
    expect((await ask(sven as string, '/transactions/my-transactions')).status).toBe(401)
    await new PostgresRevocations(sql).revoke(revocation({ userId: 'tina' }))
    await eventually(async () => {
      expect((await ask(tina as string, '/transactions/balance?at=nonsense')).status).toBe(401)
    })
  })
  for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200)
})

test('a verified and cached token is rejected, and accepted again once the revocation is lifted', async () => {
  const here = await openProcess()
  const { authenticate } = createAuthenticator({
    keys: { kind: 'secret', secret: TEST_SECRET },
    revocations: here,
  })
  const token = await mintToken({ sub: 'nina', id: 'n1' })
  const before = await authenticate(token)
  expect(await authenticate(token)).toBe(before)
  const { id } = await here.revoke(revocation({ tokenId: 'n1' }))
  for (let i = 0; i < 2; i++) {
    await expect(authenticate(token)).rejects.toMatchObject({ status: 401, code: 'token_revoked' })
  }
  await here.lift('default', id)
  const after = await authenticate(token)
  expect(after).toEqual(before)
  expect(after).not.toBe(before)
})

test('a second revocation of the same token does not shorten the first', async () => {
  const revocations = await openProcess()
  const token = principal('gil', { tokenId: 'lost' })
  await revocations.revoke(revocation({ tokenId: 'lost' }))
  await revocations.revoke(revocation({ tokenId: 'lost', expiresAt: '2020-01-01T00:00:00Z' }))
  expect(revocations.covers(token)).toBe(true)
})
