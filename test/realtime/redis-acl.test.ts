import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import type { RedisBus } from '../../src/realtime/bus/redis-bus.ts'
import {
  describeWithPrivateRedis,
  eventually,
  mintToken,
  startConfiguredRedis,
} from '../support/index.ts'
import { connectBy } from '../support/realtime/balance-server.ts'
import { startCluster } from '../support/realtime/cluster.ts'
import { startInstallation } from '../support/realtime/failover.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { openRedisBus } from '../support/realtime/redis-bus.ts'

const PAGE = readFileSync('docs/guide/redis.md', 'utf8')
const [, COMMAND = ''] = /^ACL SETUSER livebalance (.*)$/m.exec(PAGE) ?? []
const RULES = COMMAND.split(' ')

/** The rules in the first column of the first table after this text. */
function rulesInTable(text: string): string[] {
  const [, table = ''] = PAGE.slice(PAGE.indexOf(text)).split('| rule | needed for |')
  const [rows = ''] = table.split('\n\n')
  return [...rows.matchAll(/^\| `([^`]+)` \|/gm)].map(([, rule = '']) => rule.replace('\\|', '|'))
}

const CLUSTER_RULES = rulesInTable('In a cluster, add')

const SHARD_RULES = ['&balance:updates:*', '+spublish', '+ssubscribe', '+sunsubscribe']

test('the table of the page explains each rule of its command', () => {
  expect(rulesInTable('## A user with least privilege')).toEqual(RULES)
  expect(CLUSTER_RULES).toEqual(['+cluster|slots', ...SHARD_RULES, '+asking'])
})

interface Line {
  level: number
  msg: string
  reason?: string
}

function logged() {
  const lines: Line[] = []
  const logger = pino(
    { level: 'warn' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  )
  return { lines, logger }
}

/** Everything that the server does with Redis. Failures are looked for in the log. */
async function callEverything(bus: RedisBus, ledger: FakeLedger): Promise<void> {
  const other = randomUUID()
  const holder = randomUUID()
  const steps: (() => Promise<unknown>)[] = [
    async () => {
      const { ready, release } = bus.follow(ALICE)
      await ready
      release()
    },
    () => bus.publish(ledger.change(ALICE, 100n).events),
    () => bus.publish(ledger.change(ALICE, 100n).events, true),
    () => bus.fill(ALICE, 'EUR', 1n, 1),
    // Read once the cache is compared with the ledger, for which foreign balances are dropped.
    () =>
      eventually(async () => expect(await bus.cachedBalance(ALICE, 'USD')).toBe('2'), {
        timeout: 500,
      }),
    () =>
      eventually(
        async () => {
          const asked = { user: ALICE, currency: 'USD', after: 3 }
          expect(await bus.recentEvents(asked)).toMatchObject({ head: 4 })
        },
        { timeout: 500 },
      ),
    () => bus.tickets.put('ticket', 'value', 30),
    () => bus.tickets.take('ticket'),
    () => bus.rates.counter('test', 60).add('alice', 1),
    () => bus.leases.renew(holder, 30),
    () => bus.leases.assert(other, new Map([['alice', 1]])),
    () => bus.leases.acquire('alice', holder, 5),
    () => bus.leases.release('alice', holder),
    () => bus.leases.assert(other, new Map([['alice', 0]])),
    () => bus.announceRevocation(),
  ]
  for (const step of steps) await step().catch(() => {})
}

describeWithPrivateRedis('a user of Redis with least privilege', () => {
  const adminOf = (port: number) => {
    const admin = new Redis(port)
    onTestFinished(() => admin.disconnect())
    return admin
  }
  const setUser = (admin: Redis, rules: readonly string[]) =>
    admin.acl('SETUSER', 'livebalance', 'reset', ...rules)
  const denied = async (admin: Redis) =>
    ((await admin.acl('LOG')) as unknown[]).map((entry) => String(entry))

  test('the rules of the page are enough for a whole server, and each of them is needed', async () => {
    const { port } = await startConfiguredRedis([])
    const admin = adminOf(port)
    const attempt = async (rules: readonly string[]) => {
      await admin.flushall()
      await admin.script('FLUSH')
      await admin.acl('LOG', 'RESET')
      await admin.set('balance:user:of-another-database', '1')
      await setUser(admin, rules)
      const { lines, logger } = logged()
      const ledger = new FakeLedger()
      const bus = openRedisBus(`redis://livebalance:password@127.0.0.1:${port}`, ledger, {
        logger,
        probeAfterMs: 50,
      })
      await eventually(() => expect(bus.link.state === 'live' || lines.length > 0).toBe(true))
      if (lines.length === 0) await callEverything(bus, ledger)
      const names = String(await admin.client('LIST'))
      await bus.close()
      return { lines, names }
    }

    const complete = await attempt(RULES)
    expect(complete.lines).toEqual([])
    expect(await denied(admin)).toEqual([])
    expect(complete.names).toMatch(/name=livebalance /)
    expect(complete.names).toMatch(/name=livebalance-subscriber /)
    const missed: string[] = []
    for (const rule of RULES) {
      const { lines, names } = await attempt(RULES.filter((other) => other !== rule))
      // A missing name stops nothing.
      const complains =
        rule === '+client|setname'
          ? !names.includes('name=livebalance')
          : lines.some(({ level }) => level === 40)
      if (!complains) missed.push(rule)
    }
    expect(missed).toEqual([])
  })

  test('a whole server works with it: payments, streams, cached balances, tickets, limits and revocations', async () => {
    const { port } = await startConfiguredRedis([])
    const admin = adminOf(port)
    await setUser(admin, RULES)
    const installation = await startInstallation({
      REDIS_URL: `redis://livebalance:password@127.0.0.1:${port}`,
      RATE_LIMIT_READS: '100000',
      RATE_LIMIT_WRITES: '100000',
      RATE_LIMIT_HANDSHAKES: '100000',
    })
    const { url } = installation.delivering
    const { stop } = installation.pay()
    await eventually(() => expect(installation.clients[0]?.seqs().length).toBeGreaterThan(5))
    await installation.got(await stop())
    const bearer = async (sub: string, roles: string[] = []) => ({
      Authorization: `Bearer ${await mintToken({ sub, roles })}`,
      'Content-Type': 'application/json',
    })
    const headers = await bearer('alice')
    await eventually(async () => {
      const answer = await fetch(`${url}/transactions/balance/cached`, { headers })
      expect(await answer.json()).toMatchObject({ cached: true })
    })
    const made = await fetch(`${url}/balance/ticket`, { method: 'POST', headers })
    const { ticket } = (await made.json()) as { ticket: string }
    const withTicket = connectBy.WebSocket(url, ticket)
    await eventually(() => expect(withTicket.received).toHaveLength(1))
    const revoked = await fetch(`${installation.paying.url}/admin/revocations`, {
      method: 'POST',
      headers: await bearer('ada', ['admin']),
      body: JSON.stringify({ userId: 'alice', reason: 'lost' }),
    })
    expect(revoked.status).toBe(201)
    await eventually(async () => {
      expect((await fetch(`${url}/transactions/balance`, { headers })).status).toBe(401)
    })
    expect(installation.warnings().filter(({ msg }) => String(msg).includes('redis'))).toEqual([])
    expect(await denied(admin)).toEqual([])
  })

  test('another database number needs one rule more, and nothing is written to database 0 without it', async () => {
    const { port } = await startConfiguredRedis([])
    const admin = adminOf(port)
    await setUser(admin, RULES)
    const { lines, logger } = logged()
    const ledger = new FakeLedger()
    const url = `redis://livebalance:password@127.0.0.1:${port}`
    const bus = openRedisBus(`${url}/3`, ledger, { logger, probeAfterMs: 50 })
    await eventually(() => expect(lines).toHaveLength(1))
    expect(bus.link.reason).toContain('(NOPERM)')
    expect(await admin.dbsize()).toBe(0)
    await setUser(admin, [...RULES, '+select'])
    await eventually(() => expect(bus.link.state).toBe('live'))
    expect(await admin.dbsize()).toBe(0)
    const beyond = openRedisBus(`${url}/99`, ledger)
    await eventually(() => expect(beyond.link.reason).toContain('(NODATABASE)'))
  })

  test('in a cluster it needs a few rules more, and each of them', async () => {
    const cluster = await startCluster()
    const setAll = (rules: readonly string[]) =>
      Promise.all(cluster.nodes.map(({ admin }) => setUser(admin, rules)))
    await setAll([...RULES, ...CLUSTER_RULES])
    const ledger = new FakeLedger()
    const open = () => {
      const { lines, logger } = logged()
      const url = `redis-cluster://livebalance:password@${cluster.hosts}`
      return { lines, bus: openRedisBus(url, ledger, { logger, probeAfterMs: 50, keepShardMs: 5 }) }
    }
    const { bus, lines } = open()
    await eventually(() => expect(bus.link.state).toBe('live'))
    // While a slot moves, a key that does not exist yet is made on the new node.
    const put = (ticket: string) => bus.tickets.put(ticket, 'value', 30)
    await cluster.moveSlot('livebalance:ticket:a', () => put('a'))
    expect(await bus.tickets.take('a')).toBe('value')
    await callEverything(bus, ledger)
    expect(lines).toEqual([])
    for (const { admin } of cluster.nodes) expect(await denied(admin)).toEqual([])

    for (const rule of SHARD_RULES) {
      await setAll([...RULES, ...CLUSTER_RULES.filter((other) => other !== rule)])
      const lacking = open()
      // The link is live without these two.
      const used = { '+sunsubscribe': 'sunsubscribe', '&balance:updates:*': 'balance:updates:{' }[
        rule
      ]
      if (used) {
        await eventually(() => expect(lacking.bus.link.state).toBe('live'))
        await callEverything(lacking.bus, ledger)
        await eventually(async () => {
          const refused = await Promise.all(cluster.nodes.map(({ admin }) => denied(admin)))
          expect(refused.flat().join()).toContain(used)
        })
      } else {
        // Of a command in a script Redis says ERR.
        await eventually(() => expect(lacking.bus.link.reason).toMatch(/\((NOPERM|ERR)\)/))
      }
      await lacking.bus.close()
    }

    await setAll([...RULES, '+cluster|slots', ...SHARD_RULES])
    await cluster.moveSlot('livebalance:ticket:b', async () => {
      await expect(put('b')).rejects.toThrow()
    })
    await setAll([...RULES, ...SHARD_RULES, '+asking'])
    const blind = open()
    await eventually(() => expect(blind.lines).toHaveLength(1))
    expect(blind.bus.link.reason).toContain('(NOPERM)')
  })
})
