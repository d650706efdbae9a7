import { Cluster, Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { walletKeys } from '../../src/realtime/bus/keys.ts'
import { CLUSTER_SHARDS, Shards } from '../../src/realtime/bus/shards.ts'
import type { PrivateRedis } from '../support/index.ts'
import type { Random } from '../support/random.ts'
import { type ClusterNode, startCluster } from '../support/realtime/cluster.ts'
import type { Faults } from './faults.ts'

/** What the servers use, whatever kind of Redis it is. */
export interface ChaosRedis {
  /** For `REDIS_URL`. */
  url: string
  faults: Faults
  killSubscribers(): Promise<void>
  cachedBalance(userId: string): Promise<string | null>
}

const SUBSCRIBERS = ['TYPE', 'pubsub']
const EVERYBODY = ['SKIPME', 'yes']

async function killConnections(port: number, password: string, which: string[]): Promise<void> {
  const admin = new Redis({ port, password })
  admin.on('error', () => {})
  try {
    await admin.call('CLIENT', 'KILL', ...which)
  } finally {
    admin.disconnect()
  }
}

export function oneRedis(redis: PrivateRedis): ChaosRedis {
  const { port, password } = new URL(redis.url)
  const kill = (which: string[]) => killConnections(Number(port), password, which)
  const cache = new Redis(redis.url)
  cache.on('error', () => {})
  onTestFinished(() => cache.disconnect())
  return {
    url: redis.url,
    killSubscribers: () => kill(SUBSCRIBERS),
    cachedBalance: (userId) => cache.get(`balance:user:${userId}`),
    faults: {
      async 'kill and restart of Redis'({ random, longestOutage }) {
        await redis.kill()
        await sleep(random.between(100, longestOutage))
        await redis.restart()
      },
      async 'pause of Redis'({ random, longestOutage }) {
        redis.pause()
        await sleep(random.between(500, longestOutage / 2))
        redis.resume()
      },
      'kill of the subscribers': () => kill(SUBSCRIBERS),
      'kill of all Redis connections': () => kill(EVERYBODY),
    },
  }
}

/** Three primaries with a replica each. */
export async function redisCluster(users: readonly string[]): Promise<ChaosRedis> {
  const { hosts, nodes, primaryOf, takenOverFrom, moveSlot, healthy } = await startCluster()
  const shards = new Shards(CLUSTER_SHARDS, true)
  const keys = walletKeys('USD', shards)
  const ref = (userId: string) => ({ tenant: 'default', userId })
  const tagOf = (random: Random) => shards.tagOf(ref(random.pick(users)))
  const kill = async (which: string[]) => {
    await Promise.all(nodes.map(({ port }) => killConnections(port, '', which)))
  }
  const cache = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
  cache.on('error', () => {})
  onTestFinished(() => cache.disconnect())

  async function replicaOf(primary: ClusterNode): Promise<ClusterNode> {
    const roles = await Promise.all(nodes.map(({ admin }) => admin.role()))
    const replica = nodes[roles.findIndex(([, , port]) => port === primary.port)]
    if (!replica) throw new Error('the primary has no replica')
    return replica
  }

  return {
    url: `redis-cluster://${hosts}`,
    killSubscribers: () => kill(SUBSCRIBERS),
    cachedBalance: (userId) => cache.get(keys.balance(ref(userId), 'USD')),
    faults: {
      async 'kill of a primary, and its replica takes over'({ random, longestOutage }) {
        const tag = tagOf(random)
        const primary = await primaryOf(tag)
        await primary.kill()
        await takenOverFrom(primary, tag)
        await sleep(random.between(100, longestOutage))
        await primary.restart()
        await healthy()
      },
      async 'kill of a primary with its replica'({ random, longestOutage }) {
        const primary = await primaryOf(tagOf(random))
        const replica = await replicaOf(primary)
        await replica.kill()
        await primary.kill()
        await sleep(random.between(100, longestOutage))
        await primary.restart()
        await replica.restart()
        await healthy()
      },
      // Long ones are a failover too, and the old primary comes back as a replica.
      async 'pause of a primary'({ random, longestOutage }) {
        const primary = await primaryOf(tagOf(random))
        primary.pause()
        await sleep(random.between(500, longestOutage / 2))
        primary.resume()
        await healthy()
      },
      async 'move of a slot'({ random }) {
        await moveSlot(tagOf(random), () => sleep(random.between(100, 2000)))
        await healthy()
      },
      'kill of the subscribers': () => kill(SUBSCRIBERS),
      'kill of all Redis connections': async () => {
        await kill(EVERYBODY)
        await healthy()
      },
    },
  }
}
