import type { Logger } from '../lib/log.ts'

export interface EventLoopWatchOptions {
  log: Pick<Logger, 'warn'>
  /** Time between two beats. Default 250. */
  beatEveryMs?: number
  /** How long a delay is remembered. Default 10 s. */
  rememberMs?: number
}

/** Clients notice delays from here on, so they are logged. */
const NOTICEABLE_MS = 1_000

/**
 * Measures with a timer how long the event loop was held up: by too much work in one turn, or because the
 * process got no processor. No request is answered in that time.
 */
export class EventLoopWatch {
  readonly #options: Required<EventLoopWatchOptions>
  readonly #timer: NodeJS.Timeout
  #last = performance.now()
  #delays: { at: number; delayMs: number }[] = []

  constructor(options: EventLoopWatchOptions) {
    this.#options = { beatEveryMs: 250, rememberMs: 10_000, ...options }
    this.#timer = setInterval(() => this.#beat(), this.#options.beatEveryMs)
    this.#timer.unref()
  }

  /** The longest delay of the last ten seconds, including the current one. */
  get longestMs(): number {
    const now = performance.now()
    this.#delays = this.#delays.filter(({ at }) => now - at < this.#options.rememberMs)
    return this.#delays.reduce((most, { delayMs }) => Math.max(most, delayMs), this.#delay(now))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const now = performance.now()
    const delayMs = this.#delay(now)
    this.#last = now
    if (delayMs < this.#options.beatEveryMs) return
    this.#delays.push({ at: now, delayMs })
    if (delayMs < NOTICEABLE_MS) return
    this.#options.log.warn({ blockedMs: Math.round(delayMs) }, 'the event loop was held up')
  }

  /** How late the next beat is now. */
  #delay(now: number): number {
    return Math.max(0, now - this.#last - this.#options.beatEveryMs)
  }
}
