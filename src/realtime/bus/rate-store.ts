import type { Redis } from 'ioredis'
import type { RateCounter, RateStore, Usage } from '../../rate-limit/store.ts'
import { ADD_TO_WINDOW } from './redis-scripts.ts'
import { type Ask, justAsk } from './redis-trouble.ts'

/** Counters in Redis, by its clock, and in this process while Redis is away or refuses writes. */
export class RedisRates implements RateStore {
  readonly #redis: Redis
  readonly #ask: Ask

  constructor(redis: Redis, ask: Ask = justAsk) {
    this.#redis = redis
    this.#ask = ask
  }

  counter(name: string, seconds: number): RateCounter {
    const alone = new WindowCounter(seconds)
    const milliseconds = seconds * 1000
    return {
      add: async (key, points) => {
        const keys = [`livebalance:rate:${name}:${key}`]
        try {
          const adding = ADD_TO_WINDOW.run(this.#redis, keys, [points, milliseconds])
          const [used, msLeft] = (await this.#ask(adding)) as [number, number]
          return { used, msLeft }
        } catch {
          return await alone.add(key, points)
        }
      },
    }
  }
}

/** Counters of one process. */
export class MemoryRates implements RateStore {
  counter(_name: string, seconds: number): RateCounter {
    return new WindowCounter(seconds)
  }
}

/** More keys than this, and those counted longest ago make room. */
const MOST = 100_000

/** Counts in this process, by a clock that nobody sets. */
class WindowCounter implements RateCounter {
  readonly #milliseconds: number
  readonly #windows = new Map<string, { used: number; until: number }>()

  constructor(seconds: number) {
    this.#milliseconds = seconds * 1000
  }

  async add(key: string, points: number): Promise<Usage> {
    const now = performance.now()
    let window = this.#windows.get(key)
    if (!window || window.until <= now) window = this.#begin(key, now)
    window.used += points
    return { used: window.used, msLeft: window.until - now }
  }

  #begin(key: string, now: number) {
    const window = { used: 0, until: now + this.#milliseconds }
    // Put in anew, it is the youngest: the oldest, which come first, are the ones that are over.
    this.#windows.delete(key)
    this.#windows.set(key, window)
    for (const [old, { until }] of this.#windows) {
      if (until > now && this.#windows.size <= MOST) break
      this.#windows.delete(old)
    }
    return window
  }
}
