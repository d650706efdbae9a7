import type { Logger } from '../lib/log.ts'

export interface EventLoopWatchOptions {
  log: Pick<Logger, 'warn'>
  /** Milliseconds between beats. Default 250. */
  beatEvery?: number
  /** Milliseconds that are looked back on. Default 10 s. */
  lookBack?: number
}

/** Delays of a beat from which on the log has a line: clients notice them. Milliseconds. */
const NOTICEABLE = 1_000

/**
 * Sees by its own beat how long the event loop was held up: by work that was too much for one turn, or
 * because the process got no processor. While that lasts nobody is answered; afterwards this says it.
 */
export class EventLoopWatch {
  readonly #options: Required<EventLoopWatchOptions>
  readonly #timer: NodeJS.Timeout
  #last = performance.now()
  #delays: { at: number; milliseconds: number }[] = []

  constructor(options: EventLoopWatchOptions) {
    this.#options = { beatEvery: 250, lookBack: 10_000, ...options }
    this.#timer = setInterval(() => this.#beat(), this.#options.beatEvery)
    this.#timer.unref()
  }

  /** Milliseconds of the longest delay that was going on within the last ten seconds. */
  get longest(): number {
    const now = performance.now()
    this.#delays = this.#delays.filter(({ at }) => now - at < this.#options.lookBack)
    const current = this.#late(now)
    return this.#delays.reduce((most, { milliseconds }) => Math.max(most, milliseconds), current)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const now = performance.now()
    const milliseconds = this.#late(now)
    this.#last = now
    if (milliseconds < this.#options.beatEvery) return
    this.#delays.push({ at: now, milliseconds })
    if (milliseconds < NOTICEABLE) return
    const blockedMs = Math.round(milliseconds)
    this.#options.log.warn({ blockedMs }, 'the event loop was held up')
  }

  /** How late the next beat is by now. */
  #late(now: number): number {
    return Math.max(0, now - this.#last - this.#options.beatEvery)
  }
}
