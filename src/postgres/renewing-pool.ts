import type postgres from 'postgres'
import { withTimeout } from '../lib/timeout.ts'
import { isStaleSession } from './errors.ts'

type Sql = postgres.Sql

/** Milliseconds that a pool has at least: while the cause lasts, every new session meets it again. */
const SHORTEST_LIFE = 1_000
/** Seconds that connections without a query have to close. */
const CLOSING_SECONDS = 0.5

interface Generation {
  sql: Sql
  since: number
  pending: number
  /** Resolves the wait of `end()`. */
  onIdle?: () => void
}

/**
 * A pool whose sessions are renewed when one of them has carried a state that may have passed since: read-only, rights
 * or settings of the time when it was opened. Calls under way end where they began.
 */
export function renewing(open: () => Sql): Sql {
  const generations = new Set<Generation>()
  const born = (): Generation => {
    const generation = { sql: open(), since: performance.now(), pending: 0 }
    generations.add(generation)
    return generation
  }
  let current = born()

  async function close(generation: Generation): Promise<void> {
    await generation.sql.end({ timeout: CLOSING_SECONDS })
    generations.delete(generation)
  }

  function endIfUnused(generation: Generation): void {
    if (generation.pending > 0) return
    generation.onIdle?.()
    if (generation !== current) void close(generation)
  }

  function settled(generation: Generation, error?: unknown): void {
    generation.pending -= 1
    const renew = generation === current && performance.now() - generation.since > SHORTEST_LIFE
    if (renew && isStaleSession(error)) current = born()
    endIfUnused(generation)
  }

  /** A query begins when somebody waits for it: a part of another one never does. */
  function watched<T>(generation: Generation, query: T): T {
    if (!(query instanceof Promise)) return query
    const then = query.then
    // biome-ignore lint/suspicious/noThenProperty: it is a promise, and tells nobody else of its outcome
    query.then = ((...handlers: Parameters<typeof then>) => {
      generation.pending += 1
      return then
        .call(
          query,
          (value: unknown) => {
            settled(generation)
            return value
          },
          (error: unknown) => {
            settled(generation, error)
            throw error
          },
        )
        .then(...handlers)
    }) as typeof then
    return query
  }

  /** A transaction begins at once, and is a promise of the language's own, whose `then` no `await` calls. */
  async function transaction(generation: Generation, begin: () => Promise<unknown>) {
    generation.pending += 1
    try {
      const result = await begin()
      settled(generation)
      return result
    } catch (error) {
      settled(generation, error)
      throw error
    }
  }

  /**
   * Waits for the calls under way, at most `timeout` seconds where one is given, then closes the connections. The
   * client (postgres 3.4.9) must not do the waiting: a connection that broke under a query keeps that query, so its
   * own `end()` without a timeout never resolves.
   */
  async function end({ timeout }: { timeout?: number } = {}): Promise<void> {
    const idle = Promise.all(
      [...generations]
        .filter(({ pending }) => pending > 0)
        .map(
          (generation) =>
            new Promise<void>((resolve) => Object.assign(generation, { onIdle: resolve })),
        ),
    )
    if (timeout === undefined) await idle
    else await withTimeout(idle, timeout * 1_000, () => [])
    await Promise.all([...generations].map(close))
  }

  return new Proxy(current.sql, {
    apply: (_, __, args: Parameters<Sql>) => watched(current, current.sql(...args)),
    get(_, name) {
      if (name === 'end') return end
      const generation = current
      const value: unknown = Reflect.get(generation.sql, name)
      if (name !== 'unsafe' && name !== 'begin') return value
      const call = value as (...args: unknown[]) => Promise<unknown>
      return name === 'begin'
        ? (...args: unknown[]) => transaction(generation, () => call(...args))
        : (...args: unknown[]) => watched(generation, call(...args))
    },
  })
}
