import type { RetryBounds } from './types.ts'

/**
 * The delays between attempts. Each one is random, up to a maximum that doubles every time. When a server restarts,
 * its clients therefore do not all return at the same moment.
 */
export class Retry {
  readonly #minDelayMs: number
  readonly #maxDelayMs: number
  #attempts = 0
  #wake: (() => void) | undefined

  constructor({ minDelay = 500, maxDelay = 30_000 }: RetryBounds) {
    this.#minDelayMs = minDelay
    this.#maxDelayMs = maxDelay
  }

  /**
   * The next delay in milliseconds.
   * @param atLeastSeconds the delay that the server asks for
   */
  next(atLeastSeconds = 0): number {
    const mostMs = Math.min(this.#maxDelayMs, this.#minDelayMs * 2 ** this.#attempts)
    this.#attempts += 1
    return atLeastSeconds * 1000 + Math.random() * mostMs
  }

  /** Waits for the next delay. */
  wait(atLeastSeconds = 0): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.next(atLeastSeconds))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Makes the next delay short again. */
  reset(): void {
    this.#attempts = 0
  }

  /** Ends the current delay. */
  wake(): void {
    this.#wake?.()
  }
}
