import type { Logger } from './log.ts'

export interface RefresherOptions {
  log: Pick<Logger, 'warn' | 'info'>
  /** What is read, for the log: "tenants". */
  name: string
  /** It is also read this often, because an announcement can be lost. Default 1000. */
  pollEveryMs?: number | undefined
}

/** After so long everything is read anew, because what was deleted changes nothing else. */
const WHOLE_AFTER_MS = 3_600_000

/**
 * Reads again what another process may have changed: when that is announced, and every so often. While it cannot be
 * read, the last known state stays in force. The first failure is logged, and so is the first success after it.
 */
export class Refresher {
  readonly #load: (whole: boolean) => Promise<void>
  readonly #options: RefresherOptions
  /** By `performance.now()`. */
  #wholeAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined
  #next: Promise<void> | undefined
  #failing = false
  #closed = false
  #timer: NodeJS.Timeout | undefined

  /** @param load gets `true` at the first time and every hour: what it knew before does not count */
  constructor(load: (whole: boolean) => Promise<void>, options: RefresherOptions) {
    this.#load = load
    this.#options = options
  }

  /** Resolves when everything was read once. Before that there is nothing to go by. */
  async start(): Promise<void> {
    await this.refresh()
    this.#poll()
  }

  /** Resolves when this process knows everything that is stored now. */
  refresh(): Promise<void> {
    if (!this.#reading) return this.#read()
    // The read under way may have begun before the change.
    this.#next ??= this.#reading.catch(() => {}).then(() => this.#read())
    return this.#next
  }

  /** The same for a caller who does not wait. */
  announced(): void {
    this.refresh().catch((error) => this.#failed(error))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #read(): Promise<void> {
    this.#next = undefined
    const now = performance.now()
    const whole = now - this.#wholeAt > WHOLE_AFTER_MS
    this.#reading = this.#load(whole)
      .then(() => {
        if (whole) this.#wholeAt = now
        this.#succeeded()
      })
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  #poll(): void {
    this.#timer = setTimeout(async () => {
      await this.refresh().catch((error) => this.#failed(error))
      if (!this.#closed) this.#poll()
    }, this.#options.pollEveryMs ?? 1000)
    this.#timer.unref()
  }

  #succeeded(): void {
    if (this.#failing) this.#options.log.info(`${this.#options.name} can be read again`)
    this.#failing = false
  }

  #failed(err: unknown): void {
    if (this.#failing || this.#closed) return
    this.#failing = true
    this.#options.log.warn({ err }, `${this.#options.name} could not be read; trying again`)
  }
}
