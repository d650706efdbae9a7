import type { Redis } from 'ioredis'
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
} from 'rate-limiter-flexible'
import type { RateCounter, RateStore } from '../limits/rates.ts'

/** Counters in Redis, and in this process while Redis is away. */
export class RedisRates implements RateStore {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  counter(name: string, points: number, duration: number): RateCounter {
    const keyPrefix = `livebalance:rate:${name}`
    return counterOf(
      new RateLimiterRedis({
        storeClient: this.#redis,
        rejectIfRedisNotReady: true,
        insuranceLimiter: new RateLimiterMemory({ keyPrefix, points, duration }),
        keyPrefix,
        points,
        duration,
      }),
    )
  }
}

/** Counters of one process. */
export class MemoryRates implements RateStore {
  counter(keyPrefix: string, points: number, duration: number): RateCounter {
    return counterOf(new RateLimiterMemory({ keyPrefix, points, duration }))
  }
}

function counterOf(limiter: RateLimiterAbstract): RateCounter {
  return {
    async add(key, points) {
      const { consumedPoints, msBeforeNext } = await limiter.penalty(key, points)
      return { used: consumedPoints, msLeft: msBeforeNext }
    },
  }
}
