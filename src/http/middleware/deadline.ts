import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { type Env, factory } from '../context.ts'
import { timeoutError } from '../errors.ts'
import type { OnAnswered } from './observe.ts'

/**
 * Answers 503 `timeout` if the handler has not begun to answer within `timeoutMs`, which includes reading
 * the body. The handler's work may still take effect, which is the reason for idempotency keys.
 * @param onAnswered called here because the start of each request is known here; a middleware of its own
 *   would cost every request another promise
 */
export function deadline(timeoutMs: number, onAnswered: OnAnswered = () => {}) {
  const pending = new Deadlines(timeoutMs)
  return factory.createMiddleware(function deadline(c, next) {
    return new Promise<undefined>((resolve, reject) => {
      let reported = false
      const report = (status: number, error?: Error) => {
        if (!reported) onAnswered(c, performance.now() - entry.since, status, error)
        reported = true
      }
      const expire = () => {
        const error = timeoutError()
        report(error.status, error)
        reject(error)
      }
      const entry = pending.add(expire)
      let extension: ReturnType<typeof setTimeout> | undefined
      c.set('extendDeadline', (ms) => {
        pending.delete(entry)
        clearTimeout(extension)
        extension = setTimeout(expire, ms)
      })
      const end = () => {
        pending.delete(entry)
        if (extension !== undefined) clearTimeout(extension)
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

/** Gives a route more time than other routes have. Place it after the guard. */
export function extendDeadline(timeoutMs: number) {
  return factory.createMiddleware(async function extendDeadline(c, next) {
    c.var.extendDeadline(timeoutMs)
    await next()
  })
}

interface Entry {
  /** On the clock of `performance.now()`. */
  since: number
  until: number
  expire: () => void
}

/**
 * Requests that wait at most `timeoutMs` each. All have the same timeout, so the oldest always expires first
 * and one timer serves all. A timer for each request would cost it a microsecond.
 */
class Deadlines {
  readonly #timeoutMs: number
  /** Oldest first: a set keeps the order of insertion. */
  readonly #entries = new Set<Entry>()
  #ticking = false

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  add(expire: () => void): Entry {
    const since = performance.now()
    const entry = { since, until: since + this.#timeoutMs, expire }
    this.#entries.add(entry)
    if (!this.#ticking) this.#tick(this.#timeoutMs)
    return entry
  }

  delete(entry: Entry): void {
    this.#entries.delete(entry)
  }

  #tick(ms: number): void {
    this.#ticking = true
    const timer: unknown = setTimeout(() => this.#check(), ms)
    // It also runs when no request waits, so it must not keep the process alive.
    ;(timer as { unref?: () => void }).unref?.()
  }

  #check(): void {
    this.#ticking = false
    const now = performance.now()
    for (const entry of this.#entries) {
      if (entry.until > now) {
        this.#tick(entry.until - now)
        return
      }
      this.#entries.delete(entry)
      entry.expire()
    }
  }
}

/** A client has this long to read something of an answer that waits for it. */
export const STALLED_DOWNLOAD_TIMEOUT_MS = 30_000

/**
 * Closes the connection of a client that reads nothing of a waiting answer for `timeoutMs`. A client that
 * waits for the server keeps its connection. This works on Node only; other runtimes have their own limits.
 */
export function abortStalledDownload(
  c: Context<Env>,
  timeoutMs: number,
  onAborted: () => void,
): void {
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  outgoing?.setTimeout(timeoutMs, () => {
    if (outgoing.writableLength === 0) return
    outgoing.destroy()
    onAborted()
  })
}
