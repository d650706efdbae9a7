import type { Logger } from './log.ts'

/**
 * Lines of one kind, at most so many a second: under load a line for every event would cost more than
 * the event. What was left out is counted and said.
 */
export class LogBudget {
  readonly #logger: Logger
  readonly #perSecond: number
  #second = 0
  #used = 0
  #dropped = 0

  /** @param perSecond default 100 */
  constructor(logger: Logger, perSecond = 100) {
    this.#logger = logger
    this.#perSecond = perSecond
  }

  /** @param line called only when it will be written */
  info(line: () => string): void {
    if (this.#logger.isLevelEnabled('info') && this.take()) this.#logger.info(line())
  }

  /** Whether one more line may be written now. */
  take(): boolean {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#second) {
      if (this.#dropped > 0) {
        this.#logger.info({ notLogged: this.#dropped }, 'more lines of this kind were not logged')
      }
      this.#second = second
      this.#used = 0
      this.#dropped = 0
    }
    if (this.#used >= this.#perSecond) {
      this.#dropped += 1
      return false
    }
    this.#used += 1
    return true
  }
}
