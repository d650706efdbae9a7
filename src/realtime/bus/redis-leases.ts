import type { Redis } from 'ioredis'
import type { LeaseStore } from './leases.ts'
import { ACQUIRE_LEASE, RELEASE_LEASE } from './redis-scripts.ts'
import { type Ask, justAsk } from './redis-trouble.ts'

const HOLDER = 'livebalance:holder:'

/** A user's counts outlive any connection: they are kept for a week after the last one was opened. */
const COUNTS_SECONDS = 7 * 24 * 3600

/** Leases in Redis: a hash of counts by holder for each user, and a key that expires for each holder. */
export class RedisLeases implements LeaseStore {
  readonly #redis: Redis
  readonly #ask: Ask

  constructor(redis: Redis, ask: Ask = justAsk) {
    this.#redis = redis
    this.#ask = ask
  }

  async acquire(user: string, holder: string, limit: number): Promise<boolean> {
    const args = [holder, limit, HOLDER, COUNTS_SECONDS]
    return (await this.#ask(ACQUIRE_LEASE.run(this.#redis, [countsKey(user)], args))) === 1
  }

  async release(user: string, holder: string): Promise<void> {
    await this.#ask(RELEASE_LEASE.run(this.#redis, [countsKey(user)], [holder]))
  }

  async renew(holder: string, seconds: number): Promise<boolean> {
    const milliseconds = Math.round(seconds * 1000)
    const set = this.#redis.set(HOLDER + holder, '1', 'PX', milliseconds, 'GET')
    return (await this.#ask(set)) !== null
  }

  async assert(holder: string, counts: ReadonlyMap<string, number>): Promise<void> {
    const pipeline = this.#redis.pipeline()
    for (const [user, count] of counts) {
      const key = countsKey(user)
      if (count === 0) pipeline.hdel(key, holder)
      else pipeline.hset(key, holder, count).expire(key, COUNTS_SECONDS)
    }
    await this.#ask(allOf(pipeline.exec()))
  }
}

/** @throws the first error of a command in it */
async function allOf(answers: Promise<[error: Error | null, result: unknown][] | null>) {
  for (const [error] of (await answers) ?? []) if (error) throw error
}

function countsKey(user: string): string {
  return `livebalance:connections:${user}`
}
