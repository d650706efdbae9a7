/** Seconds that are looked back on. */
const WINDOW = 60
/** Seconds that the rate is an average of. */
const RATE_OVER = 10

/** Counts what happens, second by second, for the last minute. */
export class EventMeter {
  readonly #now: () => number
  /** By second modulo the window. */
  readonly #counts = new Array<number>(WINDOW).fill(0)
  #second: number
  #total = 0

  /** @param now milliseconds; default: a clock that nobody sets */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#second = this.#currentSecond()
  }

  mark(): void {
    this.#advance()
    const slot = this.#second % WINDOW
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1
    this.#total += 1
  }

  read(): { perSecond: number; recent: number[]; total: number } {
    this.#advance()
    // The second under way is left out: it would always look like a drop.
    const recent: number[] = []
    for (let ago = WINDOW - 1; ago >= 1; ago--) {
      recent.push(this.#counts[(this.#second - ago) % WINDOW] ?? 0)
    }
    const sum = recent.slice(-RATE_OVER).reduce((total, count) => total + count, 0)
    return { perSecond: sum / RATE_OVER, recent, total: this.#total }
  }

  #advance(): void {
    const second = this.#currentSecond()
    const passed = Math.min(Math.max(0, second - this.#second), WINDOW)
    for (let i = 1; i <= passed; i++) this.#counts[(this.#second + i) % WINDOW] = 0
    // A clock that was set back keeps counting where it is.
    this.#second = Math.max(second, this.#second)
  }

  #currentSecond(): number {
    return Math.floor(this.#now() / 1000)
  }
}
