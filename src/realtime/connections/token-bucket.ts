/** How many messages a client may still send: so many each second, and not more than that saved up. */
export class TokenBucket {
  readonly #perSecond: number
  #left: number
  /** The second, by a clock that nobody sets, that `left` was counted at. */
  #countedAt = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#left = perSecond
  }

  /** Counts one message; false when it is one too many. */
  take(): boolean {
    const second = Math.floor(performance.now() / 1000)
    const gained = Math.max(0, second - this.#countedAt) * this.#perSecond
    this.#left = Math.min(this.#perSecond, this.#left + gained) - 1
    this.#countedAt = second
    return this.#left >= 0
  }
}
