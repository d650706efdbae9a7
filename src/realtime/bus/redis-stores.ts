import type { Redis } from 'ioredis'
import type { TicketStore } from '../../auth/tickets.ts'
import type { RateCounter, RateStore } from '../../rate-limit/store.ts'
import type { LeaseStore } from './bus.ts'
import { MemoryRates } from './memory-bus.ts'
import { ACQUIRE_LEASE, ADD_TO_WINDOW, RELEASE_LEASE } from './redis-scripts.ts'

/** Awaits a command of Redis, and reports a failure to the bus. */
export type Await = <T>(command: Promise<T>) => Promise<T>

const withoutReport: Await = (command) => command

const HOLDER_PREFIX = 'livebalance:holder:'

/** A user's counts outlive any connection: they are kept for a week after the last one was opened. */
const COUNTS_SECONDS = 7 * 24 * 3600

/** Leases in Redis: for each user a hash of counts by holder, and for each holder a key that expires. */
export class RedisLeases implements LeaseStore {
  readonly #redis: Redis
  readonly #await: Await

  constructor(redis: Redis, awaited: Await = withoutReport) {
    this.#redis = redis
    this.#await = awaited
  }

  async acquire(user: string, holder: string, limit: number): Promise<boolean> {
    const args = [holder, limit, HOLDER_PREFIX, COUNTS_SECONDS]
    return (await this.#await(ACQUIRE_LEASE.run(this.#redis, [countsKey(user)], args))) === 1
  }

  async release(user: string, holder: string): Promise<void> {
    await this.#await(RELEASE_LEASE.run(this.#redis, [countsKey(user)], [holder]))
  }

  async renew(holder: string, seconds: number): Promise<boolean> {
    const ttlMs = Math.round(seconds * 1000)
    const set = this.#redis.set(HOLDER_PREFIX + holder, '1', 'PX', ttlMs, 'GET')
    return (await this.#await(set)) !== null
  }

  async assert(holder: string, counts: ReadonlyMap<string, number>): Promise<void> {
    const pipeline = this.#redis.pipeline()
    for (const [user, count] of counts) {
      const key = countsKey(user)
      if (count === 0) pipeline.hdel(key, holder)
      else pipeline.hset(key, holder, count).expire(key, COUNTS_SECONDS)
    }
    await this.#await(allOf(pipeline.exec()))
  }
}

/** @throws the first error of a command in the pipeline */
async function allOf(answers: Promise<[error: Error | null, result: unknown][] | null>) {
  for (const [error] of (await answers) ?? []) if (error) throw error
}

function countsKey(user: string): string {
  return `livebalance:connections:${user}`
}

/** Counters in Redis, by its clock; in this process while Redis is unavailable or refuses writes. */
export class RedisRates implements RateStore {
  readonly #redis: Redis
  readonly #await: Await
  readonly #fallback = new MemoryRates()

  constructor(redis: Redis, awaited: Await = withoutReport) {
    this.#redis = redis
    this.#await = awaited
  }

  counter(name: string, seconds: number): RateCounter {
    const fallback = this.#fallback.counter(name, seconds)
    const windowMs = seconds * 1000
    return {
      add: async (key, points) => {
        const keys = [`livebalance:rate:${name}:${key}`]
        try {
          const adding = ADD_TO_WINDOW.run(this.#redis, keys, [points, windowMs])
          const [used, msLeft] = (await this.#await(adding)) as [number, number]
          return { used, msLeft }
        } catch {
          return await fallback.add(key, points)
        }
      },
    }
  }
}

/** Tickets in Redis: one key each, which expires. */
export class RedisTickets implements TicketStore {
  readonly #redis: Redis
  readonly #await: Await

  constructor(redis: Redis, awaited: Await) {
    this.#redis = redis
    this.#await = awaited
  }

  async put(ticket: string, value: string, seconds: number): Promise<void> {
    await this.#await(this.#redis.set(ticketKey(ticket), value, 'EX', seconds))
  }

  take(ticket: string): Promise<string | null> {
    return this.#await(this.#redis.getdel(ticketKey(ticket)))
  }
}

function ticketKey(ticket: string): string {
  return `livebalance:ticket:${ticket}`
}
