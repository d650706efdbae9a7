import type { Context } from 'hono'
import { ApiError } from '../../lib/api-error.ts'
import { type Env, factory } from '../context.ts'

/** Is told of every request, once: how many milliseconds it took until it was answered, and with what. */
export type Answered = (c: Context<Env>, took: number, status: number, error?: Error) => void

/**
 * Answers 503 `timeout` when the handler has not begun to answer after so many seconds, reading the body
 * included. What it was doing may still happen, which is what idempotency keys are for.
 * @param answered here, where each request's begin is known anyway: a middleware of its own would cost every
 *   request another promise
 */
export function deadline(seconds: number, answered: Answered = () => {}) {
  const pending = new Deadlines(seconds * 1000)
  return factory.createMiddleware(function deadline(c, next) {
    return new Promise<undefined>((resolve, reject) => {
      let over = false
      const report = (status: number, error?: Error) => {
        if (!over) answered(c, performance.now() - waiting.since, status, error)
        over = true
      }
      const late = () => {
        const error = timeout()
        report(error.status, error)
        reject(error)
      }
      const waiting = pending.add(late)
      let longer: ReturnType<typeof setTimeout> | undefined
      c.set('allow', (seconds) => {
        pending.delete(waiting)
        clearTimeout(longer)
        longer = setTimeout(late, seconds * 1000)
      })
      const end = () => {
        pending.delete(waiting)
        if (longer !== undefined) clearTimeout(longer)
      }
      next().then(
        () => {
          end()
          report(c.res.status, c.error)
          resolve(undefined)
        },
        (error) => {
          end()
          report(500, error)
          reject(error)
        },
      )
    })
  })
}

/** For a route, behind its guard: its work may take so many seconds. */
export function takesUpTo(seconds: number) {
  return factory.createMiddleware(async function takesUpTo(c, next) {
    c.var.allow(seconds)
    await next()
  })
}

interface Waiting {
  /** On the clock of `performance.now()`. */
  since: number
  until: number
  late: () => void
}

/**
 * Whatever waits for `ms` at most. All wait equally long, so that the oldest is always the next to be late,
 * and one timer does for all: one each is what a request would spend a microsecond on.
 */
class Deadlines {
  readonly #ms: number
  /** Oldest first: a set keeps the order in which it was filled. */
  readonly #waiting = new Set<Waiting>()
  #ticking = false

  constructor(ms: number) {
    this.#ms = ms
  }

  add(late: () => void): Waiting {
    const since = performance.now()
    const waiting = { since, until: since + this.#ms, late }
    this.#waiting.add(waiting)
    if (!this.#ticking) this.#tick(this.#ms)
    return waiting
  }

  delete(waiting: Waiting): void {
    this.#waiting.delete(waiting)
  }

  #tick(ms: number): void {
    this.#ticking = true
    const timer: unknown = setTimeout(() => this.#look(), ms)
    // It goes on when nobody waits any more, and is no reason for a process to stay.
    ;(timer as { unref?: () => void }).unref?.()
  }

  #look(): void {
    this.#ticking = false
    const now = performance.now()
    for (const waiting of this.#waiting) {
      if (waiting.until > now) {
        this.#tick(waiting.until - now)
        return
      }
      this.#waiting.delete(waiting)
      waiting.late()
    }
  }
}

/** No `Retry-After`: who repeats it as told, without a key, might do it twice. */
export const timeout = (cause?: unknown) =>
  new ApiError(
    503,
    'timeout',
    'The answer took too long. It is not known whether the request took effect: repeat it with the same Idempotency-Key.',
    { cause },
  )
