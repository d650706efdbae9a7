import type { UserRef } from '../../ledger/event.ts'
import { userKey } from '../../lib/identity.ts'

/** The Redis channel of every event of every user, unless they are divided into several shards. */
export const UPDATES_CHANNEL = 'balance:updates'

/** The slots of a Redis Cluster. */
export const SLOTS = 16_384

/** What each value of a byte contributes to a CRC-16/XMODEM. */
const CRC_OF_BYTE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/** The slot of a key whose hash tag is this text: CRC-16/XMODEM of its bytes. */
export function slotOf(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc = ((crc << 8) & 0xffff) ^ (CRC_OF_BYTE[(crc >> 8) ^ byte] as number)
  }
  return crc % SLOTS
}

/** Of a Redis Cluster, if `FAN_OUT_SHARDS` is not set. */
export const CLUSTER_SHARDS = 1024

/**
 * Divides the users of an installation into shards with a channel each, so that a process hears only events of the
 * shards that its users are in. The shard of a user is the CRC-16 of their key modulo the number of shards, which
 * `redis-cli cluster keyslot <tenant>:<userId>` computes too.
 */
export class Shards {
  readonly count: number
  /** The channel of each shard. With one shard on one Redis: the documented `balance:updates`. */
  readonly channels: readonly string[]
  /** In a cluster the hash tag of each shard. It decides the slot of its channel and of all keys of its users. */
  readonly tags: readonly string[] | undefined

  constructor(count: number, inCluster: boolean) {
    this.count = count
    this.tags = inCluster ? shardTags(count) : undefined
    const names = this.tags ?? Array.from({ length: count }, (_, shard) => String(shard))
    const isSeeds = count === 1 && !inCluster
    this.channels = isSeeds
      ? [UPDATES_CHANNEL]
      : names.map((name) => `${UPDATES_CHANNEL}:{${name}}`)
  }

  of(user: UserRef): number {
    return this.count === 1 ? 0 : slotOf(userKey(user)) % this.count
  }

  /** The channel of a shard, and in a cluster its hash tag. */
  lineOf(shard: number): { channel: string; tag: string } {
    return { channel: this.channels[shard] as string, tag: this.tags?.[shard] ?? '' }
  }

  channelOf(user: UserRef): string {
    return this.channels[this.of(user)] as string
  }

  /** Items with the same one may be written by one script. */
  tagOf(user: UserRef): string {
    return this.tags?.[this.of(user)] ?? ''
  }
}

/**
 * For each shard the least number whose slot, as a hash tag, is in the shard's part of all slots. Parts are equally
 * large, so primaries with equally many slots have equally many shards. Tags chosen by name would not do that.
 */
function shardTags(count: number): string[] {
  const tags = new Map<number, string>()
  for (let number = 0; tags.size < count; number++) {
    const tag = String(number)
    const shard = Math.floor((slotOf(tag) * count) / SLOTS)
    if (!tags.has(shard)) tags.set(shard, tag)
  }
  return Array.from({ length: count }, (_, shard) => tags.get(shard) as string)
}

/** Messages of a user, or of all users, arrive here as long as it is held. */
export interface Following {
  /** Messages that are published after this resolves arrive. Undefined: they do already. Never rejects. */
  readonly ready: Promise<void> | undefined
  release(): void
}

export const FOLLOWED: Following = { ready: undefined, release() {} }

/** A shard whose last user has left is kept for this long, because users come back. */
const KEEP_MS = 10_000

/** Counts who follows each shard. */
export class FollowedShards {
  readonly #options: FollowedShardsOptions
  readonly #shards = new Map<
    number,
    { followers: number; ready: Promise<void>; timer?: NodeJS.Timeout }
  >()

  constructor(options: FollowedShardsOptions) {
    this.#options = options
  }

  follow(shards: readonly number[]): Following {
    const ready = Promise.all(shards.map((shard) => this.#add(shard)))
    let held = true
    return {
      ready: ready.then(() => {}),
      release: () => {
        if (held) for (const shard of shards) this.#remove(shard)
        held = false
      },
    }
  }

  close(): void {
    for (const { timer } of this.#shards.values()) clearTimeout(timer)
    this.#shards.clear()
  }

  #add(shard: number): Promise<void> {
    let followed = this.#shards.get(shard)
    if (!followed) {
      followed = { followers: 0, ready: this.#options.begin(shard) }
      this.#shards.set(shard, followed)
    }
    clearTimeout(followed.timer)
    followed.followers += 1
    return followed.ready
  }

  #remove(shard: number): void {
    const followed = this.#shards.get(shard)
    if (!followed) return
    followed.followers -= 1
    if (followed.followers > 0) return
    followed.timer = setTimeout(() => {
      this.#shards.delete(shard)
      this.#options.end(shard)
    }, this.#options.keepMs ?? KEEP_MS)
    followed.timer.unref()
  }
}

export interface FollowedShardsOptions {
  begin(shard: number): Promise<void>
  end(shard: number): void
  keepMs?: number | undefined
}
