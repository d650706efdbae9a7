/** The largest message that a client may send, on every transport. */
export const MAX_MESSAGE_BYTES = 16 * 1024

/** A client must authenticate, and we must verify its token, within this time. */
export const HANDSHAKE_TIMEOUT_MS = 10_000

/** A client must finish a WebSocket message that it began within this time. */
export const UNFINISHED_MESSAGE_TIMEOUT_MS = 10_000

/** Messages that a client may send each second, and the most that it can save up. */
export const MESSAGES_PER_SECOND = 20

/** A connection that is being closed must take the last bytes within this time. */
export const CLOSE_TIMEOUT_MS = 5_000

/** Handshakes that begin in one turn of the event loop. */
const HANDSHAKES_PER_TURN = 16

/** Lets a storm of handshakes begin over many turns, so that other requests are answered between them. */
export class TurnLimit {
  readonly #perTurn: number
  #left: number
  #scheduled = false
  #waiting: (() => void)[] = []

  constructor(perTurn = HANDSHAKES_PER_TURN) {
    this.#perTurn = perTurn
    this.#left = perTurn
  }

  /** Resolves in the turn in which the handshake may begin. Undefined: in this one. */
  take(): Promise<void> | undefined {
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => this.#next())
    }
    if (this.#left === 0) return new Promise((resolve) => this.#waiting.push(resolve))
    this.#left -= 1
    return undefined
  }

  #next(): void {
    const begin = this.#waiting.splice(0, this.#perTurn)
    this.#left = this.#perTurn - begin.length
    this.#scheduled = begin.length > 0
    if (this.#scheduled) setImmediate(() => this.#next())
    for (const resolve of begin) resolve()
  }
}

/** The messages that a client may still send: refilled each second up to the rate of one second. */
export class TokenBucket {
  readonly #perSecond: number
  #left: number
  /** The second of the last refill, by the monotonic clock. */
  #refilledAt = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#left = perSecond
  }

  /** Counts one message; false when it is one too many. */
  take(): boolean {
    const second = Math.floor(performance.now() / 1000)
    const gained = Math.max(0, second - this.#refilledAt) * this.#perSecond
    this.#left = Math.min(this.#perSecond, this.#left + gained) - 1
    this.#refilledAt = second
    return this.#left >= 0
  }
}
