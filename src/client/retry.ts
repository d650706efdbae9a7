export interface RetryBounds {
  /** Milliseconds: the most that the first retry waits. Default 500. */
  minDelay?: number | undefined
  /** Milliseconds: the most that any retry waits. Default 30,000. */
  maxDelay?: number | undefined
}

/**
 * Waits before a next attempt: twice as long each time, and at random within that, so that the clients
 * of a server that restarts do not all come back in the same moment.
 */
export class Retry {
  readonly #minDelay: number
  readonly #maxDelay: number
  #attempts = 0
  #wake: (() => void) | undefined

  constructor({ minDelay = 500, maxDelay = 30_000 }: RetryBounds) {
    this.#minDelay = minDelay
    this.#maxDelay = maxDelay
  }

  /** @param atLeast seconds that the server asks for */
  wait(atLeast = 0): Promise<void> {
    const most = Math.min(this.#maxDelay, this.#minDelay * 2 ** this.#attempts)
    this.#attempts += 1
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, atLeast * 1000 + Math.random() * most)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** The next wait is short again. */
  reset(): void {
    this.#attempts = 0
  }

  /** Ends the wait that is on. */
  wake(): void {
    this.#wake?.()
  }
}
