import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import pino from 'pino'
import { describe, inject } from 'vitest'
import { lifeOf, waitForEnd } from '../../src/embedded/process-life.ts'
import { type EmbeddedRedis, startRedis } from '../../src/embedded/redis.ts'
import { NO_REDIS, NO_REDIS_SERVER } from './provided.ts'

/** A suite that is skipped, with the reason in the summary, where there is no real Redis. */
export function describeWithRedis(name: string, suite: () => void): void {
  describeIf(inject('redisUrl') !== null, NO_REDIS, name, suite)
}

/** The same for suites that call `startPrivateRedis`. */
export function describeWithPrivateRedis(name: string, suite: () => void): void {
  describeIf(inject('hasRedisServer'), NO_REDIS_SERVER, name, suite)
}

function describeIf(condition: boolean, reason: string, name: string, suite: () => void): void {
  if (condition) describe(name, suite)
  else describe.skip(name, { meta: { skipReason: reason } }, suite)
}

/**
 * The Redis that all test files share, channels included: use user ids of your own. Keys are not shared
 * by files that run at the same time: each has a database number of its own.
 * Throws without one, so call it in hooks and tests of `describeWithRedis`, not while they are declared.
 */
export function redisUrl(): string {
  const url = inject('redisUrl')
  if (!url) throw new Error(`This test ${NO_REDIS}`)
  return new URL(`/${Number(process.env.VITEST_POOL_ID ?? 0) % 16}`, url).href
}

/** A Redis to be broken: one test's own process. */
export interface PrivateRedis {
  /** Stays the same over a restart. */
  url: string
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** Comes back empty, on the same port, with the same password. Call `kill` first. */
  restart(): Promise<void>
  /** It keeps its connections and answers nobody, until `resume`. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

export async function startPrivateRedis(): Promise<PrivateRedis> {
  const options = {
    dataDir: await mkdtemp(join(inject('runFolder'), 'redis-')),
    log: pino({ level: 'silent' }),
  }
  let redis = existing(await startRedis(options))
  const { url } = redis
  const { port, password } = new URL(url)
  const resume = () => signal(redis.pid, 'SIGCONT')
  return {
    url,
    async kill() {
      const life = lifeOf(redis.pid)
      signal(redis.pid, 'SIGKILL')
      if (life) await waitForEnd(life, 10_000)
      await redis.close()
    },
    async restart() {
      redis = existing(await startRedis({ ...options, port: Number(port), password }))
    },
    pause: () => signal(redis.pid, 'SIGSTOP'),
    resume,
    async close() {
      resume()
      await redis.close()
    },
  }
}

function existing(redis: EmbeddedRedis | null): EmbeddedRedis {
  if (!redis) throw new Error(`This test ${NO_REDIS_SERVER}`)
  return redis
}

function signal(pid: number, name: NodeJS.Signals): void {
  if (lifeOf(pid)) process.kill(pid, name)
}
