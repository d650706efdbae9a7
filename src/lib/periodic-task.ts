import type { Logger } from './log.ts'
import { sleep } from './timeout.ts'

export interface PeriodicTaskOptions {
  log: Pick<Logger, 'warn' | 'info'>
  /** Names the task in the log, for example "expiring holds". */
  name: string
  /** Time between the end of a round and the start of the next. */
  intervalMs: number
  /** Time before the first round. Default 0. */
  delayMs?: number
}

/**
 * Repeats a task, never twice at the same time. If a round fails, the next one runs as usual. The first failure
 * is logged, and so is the first success after it.
 */
export class PeriodicTask {
  readonly #round: (signal: AbortSignal) => Promise<void>
  readonly #options: PeriodicTaskOptions
  #abort: AbortController | undefined
  #running: Promise<void> | undefined
  #failing = false

  /** @param round should end early when its signal is aborted */
  constructor(round: (signal: AbortSignal) => Promise<void>, options: PeriodicTaskOptions) {
    this.#round = round
    this.#options = options
  }

  /** Starts the first round, immediately unless there is a delay. */
  start(): void {
    if (this.#running) return
    this.#abort = new AbortController()
    this.#running = this.#run(this.#abort.signal)
  }

  /** Resolves when the current round has ended. */
  async stop(): Promise<void> {
    this.#abort?.abort()
    await this.#running
    this.#running = undefined
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { intervalMs, delayMs = 0 } = this.#options
    if (delayMs > 0) await sleep(delayMs, { signal, unref: true })
    while (!signal.aborted) {
      await this.#attempt(signal)
      await sleep(intervalMs, { signal, unref: true })
    }
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { log, name } = this.#options
    try {
      await this.#round(signal)
      if (this.#failing) log.info(`${name} works again`)
      this.#failing = false
    } catch (err) {
      if (!this.#failing) log.warn({ err }, `${name} failed and will be repeated`)
      this.#failing = true
    }
  }
}
