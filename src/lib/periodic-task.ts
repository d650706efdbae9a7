import type { Logger } from './log.ts'

export interface RoundsOptions {
  log: Pick<Logger, 'warn' | 'info'>
  /** What a round does, for the log: "expiring holds". */
  name: string
  /** Milliseconds between the end of a round and the next. */
  every: number
}

/**
 * Does something over and over, never twice at once. A round that fails is logged, once until one goes
 * well again, and the next one comes as if it had not failed.
 */
export class PeriodicTask {
  readonly #round: (signal: AbortSignal) => Promise<void>
  readonly #options: RoundsOptions
  #abort: AbortController | undefined
  #running: Promise<void> | undefined
  #failing = false

  /** `round` is told by the signal to end early. */
  constructor(round: (signal: AbortSignal) => Promise<void>, options: RoundsOptions) {
    this.#round = round
    this.#options = options
  }

  /** The first round begins at once. */
  start(): void {
    if (this.#running) return
    this.#abort = new AbortController()
    this.#running = this.#run(this.#abort.signal)
  }

  /** Resolves when the round under way has ended. */
  async stop(): Promise<void> {
    this.#abort?.abort()
    await this.#running
    this.#running = undefined
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#attempt(signal)
      await pause(this.#options.every, signal)
    }
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { log, name } = this.#options
    try {
      await this.#round(signal)
      if (this.#failing) log.info(`${name} works again`)
      this.#failing = false
    } catch (err) {
      if (!this.#failing) log.warn({ err }, `${name} failed; trying on`)
      this.#failing = true
    }
  }
}

/** Resolves after so many milliseconds, or when the signal says so. Keeps no process alive. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    timer.unref()
    signal.addEventListener('abort', done)
  })
}
