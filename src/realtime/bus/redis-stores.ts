import { Cluster } from 'ioredis'
import type { TicketStore } from '../../auth/tickets.ts'
import type { RateCounter, RateStore } from '../../rate-limit/store.ts'
import { type LeaseStore, PROCESS_SECONDS, type ProcessBoard, type ToldState } from './bus.ts'
import { connectionsKey, holderKey, PROCESSES_KEY, processKey, rateKey, ticketKey } from './keys.ts'
import { MemoryRates } from './memory-bus.ts'
import type { RedisCommands } from './redis-connections.ts'
import { ACQUIRE_LEASE, ADD_TO_WINDOW, RELEASE_LEASE } from './redis-scripts.ts'

/** Awaits a command of Redis, and reports a failure to the bus. */
export type Await = <T>(command: Promise<T>) => Promise<T>

const withoutReport: Await = (command) => command

/** A user's counts outlive any connection: they are kept for a week after the last one was opened. */
const COUNTS_SECONDS = 7 * 24 * 3600

/** Leases in Redis: for each user a hash of counts by holder, and for each holder a key that expires. */
export class RedisLeases implements LeaseStore {
  readonly #redis: RedisCommands
  readonly #await: Await

  constructor(redis: RedisCommands, awaited: Await = withoutReport) {
    this.#redis = redis
    this.#await = awaited
  }

  async acquire(user: string, holder: string, limit: number): Promise<boolean> {
    const valid = new Set<string>()
    const ended = new Set<string>()
    for (;;) {
      const args = [holder, limit, COUNTS_SECONDS, valid.size, ...valid, ...ended]
      const answer = await this.#await(ACQUIRE_LEASE.run(this.#redis, [connectionsKey(user)], args))
      if (!Array.isArray(answer)) return answer === 1
      const others = answer as string[]
      const exist = await this.#await(
        Promise.all(others.map((other) => this.#redis.exists(holderKey(other)))),
      )
      for (const [i, other] of others.entries()) (exist[i] === 1 ? valid : ended).add(other)
    }
  }

  async release(user: string, holder: string): Promise<void> {
    await this.#await(RELEASE_LEASE.run(this.#redis, [connectionsKey(user)], [holder]))
  }

  async renew(holder: string, seconds: number): Promise<boolean> {
    const ttlMs = Math.round(seconds * 1000)
    const set = this.#redis.set(holderKey(holder), '1', 'PX', ttlMs, 'GET')
    return (await this.#await(set)) !== null
  }

  async assert(holder: string, counts: ReadonlyMap<string, number>): Promise<void> {
    // In a cluster a pipeline would have to stay on one node.
    const pipeline = this.#redis instanceof Cluster ? undefined : this.#redis.pipeline()
    const sent: Promise<unknown>[] = []
    for (const [user, count] of counts) {
      const key = connectionsKey(user)
      const redis = pipeline ?? this.#redis
      const commands =
        count === 0
          ? [redis.hdel(key, holder)]
          : [redis.hset(key, holder, count), redis.expire(key, COUNTS_SECONDS)]
      if (!pipeline) sent.push(...(commands as Promise<unknown>[]))
    }
    await this.#await<unknown>(pipeline ? allOf(pipeline.exec()) : Promise.all(sent))
  }
}

/** @throws the first error of a command in the pipeline */
async function allOf(answers: Promise<[error: Error | null, result: unknown][] | null>) {
  for (const [error] of (await answers) ?? []) if (error) throw error
}

/** Counters in Redis, by its clock; in this process while Redis is unavailable or refuses writes. */
export class RedisRates implements RateStore {
  readonly #redis: RedisCommands
  readonly #await: Await
  readonly #fallback = new MemoryRates()

  constructor(redis: RedisCommands, awaited: Await = withoutReport) {
    this.#redis = redis
    this.#await = awaited
  }

  counter(name: string, seconds: number): RateCounter {
    const fallback = this.#fallback.counter(name, seconds)
    const windowMs = seconds * 1000
    return {
      add: async (key, points) => {
        const keys = [rateKey(name, key)]
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
  readonly #redis: RedisCommands
  readonly #await: Await

  constructor(redis: RedisCommands, awaited: Await) {
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

/** States of processes in Redis: a key for each, which expires, and a hash with their names. */
export class RedisProcesses implements ProcessBoard {
  readonly #redis: RedisCommands
  readonly #await: Await

  constructor(redis: RedisCommands, awaited: Await) {
    this.#redis = redis
    this.#await = awaited
  }

  async tell(id: string, text: string): Promise<void> {
    await this.#await(
      Promise.all([
        this.#redis.set(processKey(id), text, 'EX', PROCESS_SECONDS),
        this.#redis.hset(PROCESSES_KEY, id, '1'),
        this.#redis.expire(PROCESSES_KEY, PROCESS_SECONDS),
      ]),
    )
  }

  async forget(id: string): Promise<void> {
    await this.#await(
      Promise.all([this.#redis.unlink(processKey(id)), this.#redis.hdel(PROCESSES_KEY, id)]),
    )
  }

  async all(): Promise<ToldState[]> {
    const ids = Object.keys(await this.#await(this.#redis.hgetall(PROCESSES_KEY)))
    const found = await this.#await(
      Promise.all(
        ids.map(async (id) => {
          const [text, msLeft] = await Promise.all([
            this.#redis.get(processKey(id)),
            this.#redis.pttl(processKey(id)),
          ])
          return { id, text, ageSeconds: Math.max(0, PROCESS_SECONDS - msLeft / 1000) }
        }),
      ),
    )
    const expired = found.filter(({ text }) => text === null).map(({ id }) => id)
    if (expired.length > 0) await this.#await(this.#redis.hdel(PROCESSES_KEY, ...expired))
    return found.flatMap(({ text, ...rest }) => (text === null ? [] : [{ ...rest, text }]))
  }
}
