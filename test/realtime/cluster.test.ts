import { randomUUID } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { parseRedisAddress } from '../../src/config/redis-address.ts'
import { walletKeys } from '../../src/realtime/bus/keys.ts'
import { tagsOfPrimaries } from '../../src/realtime/bus/redis-connections.ts'
import { CLUSTER_SHARDS, Shards, slotOf } from '../../src/realtime/bus/shards.ts'
import { describeWithPrivateRedis, eventually, startConfiguredRedis } from '../support/index.ts'
import { type ClusterNode, startCluster } from '../support/realtime/cluster.ts'
import { startInstallation } from '../support/realtime/failover.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'
import { openRedisBus, SHORT_TIMEOUTS } from '../support/realtime/redis-bus.ts'

const measured = (what: string, ms: number) => {
  if (process.env.MEASURE) console.log(`${what}: ${Math.round(ms)} ms`)
}

const user = (userId: string, tenant = 'default') => ({ tenant, userId })

const SHARDS = new Shards(CLUSTER_SHARDS, true)
const tagOf = (userId: string) => SHARDS.tagOf(user(userId))
const keys = walletKeys('USD', SHARDS)

describeWithPrivateRedis('Redis Cluster', () => {
  test('slots move, a primary dies and the node of a subscription, all under load: every event arrives once, in order', async () => {
    const cluster = await startCluster()
    const installation = await startInstallation({ REDIS_CLUSTER: cluster.hosts })
    const { stop, lateness } = installation.pay()
    const events = () => installation.clients[0]?.seqs().length ?? 0
    const more = async () => {
      const before = events()
      await eventually(() => expect(events()).toBeGreaterThan(before + 10))
    }
    await more()
    await cluster.moveSlot(tagOf('alice'), more)
    await more()
    // While the keys of a script are on no node, no node takes the script.
    await cluster.moveSlot(tagOf('alice'), async (from) => {
      const stored = (await from.admin.cluster(
        'GETKEYSINSLOT',
        slotOf(tagOf('alice')),
        10,
      )) as string[]
      await from.admin.del(...stored)
      await more()
    })
    await more()

    const primary = await eventually(() => cluster.primaryOf(tagOf('alice')))
    const died = performance.now()
    await primary.kill()
    const decided = await cluster.takenOverFrom(primary, tagOf('alice'))
    await installation.ready()
    measured('from the death to the take-over', decided - died)
    measured('from the take-over until both servers are live', performance.now() - decided)
    measured('latest event after the death', lateness.after(died))
    measured('latest event after the take-over', lateness.after(decided))

    await primary.restart()
    await eventually(async () => {
      expect(await primary.admin.info('replication')).toContain('master_link_status:up')
    })
    await more()
    const subscribed = await nodeWithSubscriber(cluster.nodes)
    const left = performance.now()
    await subscribed.kill()
    await more()
    await installation.got(await stop())
    measured('latest event after the death of the node of a subscription', lateness.after(left))
    await installation.ready()
  })

  async function nodeWithSubscriber(nodes: ClusterNode[]): Promise<ClusterNode> {
    for (const node of nodes) {
      const clients = String(await node.admin.client('LIST'))
      if (clients.includes('name=livebalance-subscriber')) return node
    }
    throw new Error('nobody subscribes')
  }

  test('the bus does on a cluster what it does on one Redis', async () => {
    const { hosts, nodes, primaryOf } = await startCluster()
    const ledger = new FakeLedger()
    const url = `redis-cluster://${hosts}`
    const buses = [openRedisBus(url, ledger), openRedisBus(url, ledger)] as const
    const [here, there] = buses
    await eventually(() => {
      for (const bus of buses) expect(bus.link).toEqual({ state: 'live' })
    })
    const received: string[] = []
    let revoked = 0
    there.listen({
      message: (text) => received.push(text),
      link: () => {},
      revoked: () => {
        revoked += 1
      },
    })
    const users = Array.from({ length: 100 }, (_, i) => user(i % 2 ? `auth0|{${i}}` : `u${i}`))
    // A process hears only of users whom it follows.
    const following = users.slice(0, 50).map((one) => there.follow(one))
    await Promise.all(following.map(({ ready }) => ready))
    const followed = new Set(users.slice(0, 50).map((one) => SHARDS.of(one)))
    const heard = users.filter((one) => followed.has(SHARDS.of(one)))
    // redis-cli shows the documented channel of a shard, and the documented key with the tag.
    const { port = 0 } = await primaryOf(tagOf('u0'))
    const cli = new Redis(port)
    const redis = new Cluster([{ host: '127.0.0.1', port: nodes[0]?.port ?? 0 }])
    onTestFinished(() => {
      cli.disconnect()
      redis.disconnect()
    })
    // A cache without an owner is emptied first.
    await eventually(async () => expect(await redis.get('livebalance:owner')).not.toBeNull())
    let seen = 0
    cli.on('smessage', () => {
      seen += 1
    })
    await cli.ssubscribe(`balance:updates:{${tagOf('u0')}}`)
    const ofShard = users.filter((one) => SHARDS.of(one) === SHARDS.of(user('u0')))
    const changed = users.map((one) => ledger.change(one, 15_050n))
    await here.publish(changed.flatMap(({ events }) => events))
    const expected = [2 * heard.length, 2 * ofShard.length]
    await eventually(() => expect([received.length, seen]).toEqual(expected))
    expect(heard.length).toBeLessThan(60)
    expect(await redis.get(keys.balance(user('u0'), 'USD'))).toBe('150.5')
    expect(await redis.get(keys.balance(user('auth0|{1}'), 'USD'))).toBe('150.5')
    expect(await redis.ttl(`balance:user:u0:{${tagOf('u0')}}`)).toBeGreaterThan(3590)
    await eventually(async () => {
      const cached = await Promise.all(users.map((one) => there.cachedBalance(one, 'USD')))
      expect(new Set(cached)).toEqual(new Set(['150.5']))
    })
    // An older balance loses; another currency and another tenant have keys of their own.
    await here.fill(user('u0'), 'USD', 1n, 1)
    await here.fill(user('u0'), 'EUR', 200n, 1)
    await here.fill(user('u0', 'acme'), 'USD', 300n, 1)
    expect(await there.cachedBalance(user('u0'), 'USD')).toBe('150.5')
    expect(await there.cachedBalance(user('u0'), 'EUR')).toBe('2')
    expect(await redis.get(`balance:acme:user:u0:{${SHARDS.tagOf(user('u0', 'acme'))}}`)).toBe('3')

    await here.announceRevocation()
    await eventually(() => expect(revoked).toBe(1))
    await here.tickets.put('ticket', 'value', 30)
    expect([await there.tickets.take('ticket'), await here.tickets.take('ticket')]).toEqual([
      'value',
      null,
    ])
    const counters = buses.map(({ rates }) => rates.counter('test', 60))
    expect(await counters[0]?.add('ann', 2)).toMatchObject({ used: 2 })
    expect(await counters[1]?.add('ann', 3)).toMatchObject({ used: 5 })

    const [one, other, gone] = [randomUUID(), randomUUID(), randomUUID()]
    await Promise.all([here.leases.renew(one, 30), there.leases.renew(other, 30)])
    expect(await here.leases.acquire('ann', one, 2)).toBe(true)
    expect(await there.leases.acquire('ann', other, 2)).toBe(true)
    expect(await here.leases.acquire('ann', one, 2)).toBe(false)
    await there.leases.assert(
      other,
      new Map([
        ['ann', 0],
        ['bob', 1],
      ]),
    )
    // The lease of this one has ended.
    await there.leases.assert(gone, new Map([['ann', 5]]))
    expect(await here.leases.acquire('ann', one, 2)).toBe(true)

    // Another database: all of its cached balances go, on every node.
    const foreign = new FakeLedger()
    foreign.epoch = 'e2'
    openRedisBus(url, foreign)
    await eventually(async () => {
      const left = await Promise.all(users.map((one) => redis.get(keys.balance(one, 'USD'))))
      expect(left.filter((value) => value !== null)).toEqual([])
    })
  })

  test('one node that refuses writes disconnects, though others accept them', async () => {
    const { hosts, primaryOf } = await startCluster()
    const ledger = new FakeLedger()
    const bus = openRedisBus(`redis-cluster://${hosts}`, ledger, SHORT_TIMEOUTS)
    await eventually(() => expect(bus.link).toEqual({ state: 'live' }))
    await eventually(async () => {
      await bus.fill(user('alice'), 'USD', 100n, 1)
      expect(await bus.cachedBalance(user('alice'), 'USD')).toBe('1')
    })
    const node = await primaryOf(tagOf('alice'))
    expect(await primaryOf(tagOf('bob'))).not.toBe(node)
    await node.admin.config('SET', 'maxmemory', '1')
    await eventually(() => expect(bus.link.reason).toContain('(OOM)'))
    // The others take each probe meanwhile, which says nothing about this one.
    const healthy = await primaryOf(tagOf('bob'))
    const probes = async () => {
      const stats = await healthy.admin.info('commandstats')
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])
    }
    const before = await probes()
    const seen = new Set<string | null>()
    await eventually(async () => {
      seen.add(await bus.cachedBalance(user('alice'), 'USD'))
      expect(await probes()).toBeGreaterThan(before + 20)
    })
    expect([...seen]).toEqual([null])
    expect(bus.link.state).toBe('disconnected')
    await node.admin.config('SET', 'maxmemory', '0')
    await eventually(() => expect(bus.link).toEqual({ state: 'live' }))
  })

  test('each primary gets a probe, whatever slots it has', () => {
    const slots = Array.from({ length: 16_384 }, (_, slot) => [
      slot < 16_000 ? 'a' : slot < 16_383 ? 'b' : 'c',
      'replica',
    ])
    const tags = tagsOfPrimaries(slots, [])
    expect(tags.map((tag) => slots[slotOf(tag)]?.[0]).sort()).toEqual(['a', 'b', 'c'])
    expect(tagsOfPrimaries(slots, tags)).toEqual(tags)
    expect(tagsOfPrimaries([], tags)).toHaveLength(1)
  })

  test('a plain server in place of a cluster is one clear warning', async () => {
    const { port } = await startConfiguredRedis([])
    const lines: Record<string, unknown>[] = []
    const logger = pino(
      { level: 'warn' },
      { write: (line: string) => void lines.push(JSON.parse(line)) },
    )
    const redis = parseRedisAddress(`127.0.0.1:${port}`, 'REDIS_CLUSTER')
    const bus = openRedisBus('redis://unused', new FakeLedger(), {
      redis,
      probeAfterMs: 100,
      logger,
    })
    await eventually(() => expect(bus.link.reason).toContain('(NOCLUSTER)'))
    expect(lines).toEqual([
      expect.objectContaining({
        level: 40,
        msg: 'redis disconnected',
        reason: 'Redis is not a cluster (NOCLUSTER)',
        check: expect.stringContaining('REDIS_URL=redis://'),
      }),
    ])
  })
})
