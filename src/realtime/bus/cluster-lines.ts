import { once } from 'node:events'
import type { Cluster, Redis } from 'ioredis'
import type { RedisHost } from '../../config/redis-address.ts'
import { ConnectionClosed } from './redis-failure.ts'
import { slotOf } from './shards.ts'

/** A channel of sharded publish and subscribe, and the hash tag in its name. */
export interface ShardChannel {
  channel: string
  tag: string
}

export interface ClusterLinesOptions {
  /** Opens a connection to this node, which does not connect again by itself. */
  open(node: RedisHost): Redis
  /** Knows which node has which slots. */
  cluster: Cluster
}

export interface LinesListener {
  message(channel: string, text: string): void
  /** A connection was lost, or a slot has moved: messages may be missed until everything is subscribed again. */
  lost(error: Error): void
}

interface Line {
  redis: Redis
  /** With the answer of the node, by channel. */
  channels: Map<string, Promise<unknown>>
  /** Answers that named another node, each of which ioredis also reports as `moved`. */
  redirections: number
}

/**
 * The sharded subscriptions of one process: one connection to each primary that has a channel of ours. Not those of
 * ioredis, which says neither when a channel is subscribed again nor that it could not be.
 */
export class ClusterLines {
  readonly #options: ClusterLinesOptions
  readonly #lines = new Map<string, Line>()
  #listener: LinesListener | undefined

  constructor(options: ClusterLinesOptions) {
    this.#options = options
  }

  listen(listener: LinesListener): void {
    this.#listener = listener
  }

  /** Resolves when it is known which node has which slots. The other connections say why that takes long. */
  async known(): Promise<void> {
    const { cluster } = this.#options
    while (cluster.slots.length === 0) await once(cluster, 'ready')
  }

  /** Resolves when each channel is subscribed at the node of its slot. Those that already are cost nothing. */
  async subscribe(channels: readonly ShardChannel[]): Promise<void> {
    await Promise.all(channels.map((channel) => this.#subscribe(channel)))
  }

  /** ioredis may take a whole range of slots for moved while it learns of one, so a node may be the wrong one. */
  async #subscribe({ channel, tag }: ShardChannel): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const node = this.#options.cluster.slots[slotOf(tag)]?.[0]
      // The other connections know why.
      if (node === undefined) throw new ConnectionClosed()
      const line = this.#lines.get(node) ?? this.#open(node)
      let subscribed = line.channels.get(channel)
      if (!subscribed) {
        subscribed = line.redis.ssubscribe(channel).catch((error: Error) => {
          line.channels.delete(channel)
          if (isMoved(error)) line.redirections += 1
          throw error
        })
        line.channels.set(channel, subscribed)
      }
      try {
        await subscribed
        return
      } catch (error) {
        if (attempt === ATTEMPTS || !isMoved(error)) throw error
        await new Promise((resolve) => this.#options.cluster.refreshSlotsCache(resolve))
      }
    }
  }

  unsubscribe({ channel }: Pick<ShardChannel, 'channel'>): void {
    for (const { redis, channels } of this.#lines.values()) {
      // A connection that is lost meanwhile has no subscription.
      if (channels.delete(channel)) redis.sunsubscribe(channel).catch(() => {})
    }
  }

  /** Forgets all subscriptions. The next ones open connections to the primaries of that moment. */
  reset(): void {
    for (const { redis } of this.#lines.values()) {
      redis.removeAllListeners()
      redis.on('error', () => {})
      redis.disconnect()
    }
    this.#lines.clear()
  }

  #open(node: string): Line {
    const { open } = this.#options
    const redis = open(hostOf(node))
    const line: Line = { redis, channels: new Map(), redirections: 0 }
    this.#lines.set(node, line)
    let reason: Error | undefined
    redis.on('error', (error: Error) => {
      reason = error
    })
    redis.on('smessage', (channel: string, text: string) => this.#listener?.message(channel, text))
    const lost = (error: Error) => {
      if (this.#lines.get(node) !== line) return
      this.#lines.delete(node)
      redis.disconnect()
      this.#listener?.lost(error)
    }
    redis.on('close', () => lost(reason ?? new ConnectionClosed()))
    // Also for an answer to `ssubscribe`, which is settled in between.
    redis.on('moved', () =>
      setImmediate(() => {
        if (line.redirections > 0) line.redirections -= 1
        else lost(new SlotMoved())
      }),
    )
    return line
  }
}

/** A subscription is tried at so many nodes. */
const ATTEMPTS = 4

const isMoved = (error: unknown) => String((error as Error).message).startsWith('MOVED ')

/** The node has ended a subscription. */
class SlotMoved extends Error {
  readonly code = 'MOVING'

  constructor() {
    super('a slot has moved to another node')
  }
}

function hostOf(node: string): RedisHost {
  const colon = node.lastIndexOf(':')
  return { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) }
}
