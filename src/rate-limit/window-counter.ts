/** What all processes together have used of a budget. */
export interface Usage {
  used: number
  /** Milliseconds until the whole budget is available again. */
  msLeft: number
}

/** Counts the use of one budget for all processes. */
export interface RateCounter {
  add(key: string, points: number): Promise<Usage>
}

/** The shared counters: in Redis, or in this process. */
export interface RateStore {
  /** The counter of the budget `name`. For each key it starts again at 0 after every `seconds`. */
  counter(name: string, seconds: number): RateCounter
}

/** The answer to a request for points of a budget. */
export interface Grant {
  allowed: boolean
  remaining: number
  /** Whole seconds until the whole budget is available again. */
  secondsLeft: number
}

/** Past this many keys, those counted longest ago make room. */
const MAX_KEYS = 100_000

/** The part of a budget that a process grants before it reports to the shared counter. */
const STEP = 1 / 10

interface Window {
  /** By all processes, this one included, as far as it knows. */
  used: number
  /** The part of `used` that is not reported to the shared counter yet. */
  unreported: number
  /** When it starts anew, by `performance.now()`: a wall clock can be set. */
  endsAt: number
  reporting: boolean
}

/**
 * A number of points for each key in each window of time, over all processes. No caller waits for the
 * shared counter, and a light user costs it nothing: a process counts by itself and reports each tenth of
 * the budget that it has granted. So `n` processes together may grant `n` tenths too much.
 */
export class Budget {
  readonly #counter: RateCounter
  readonly #points: number
  readonly #windowMs: number
  readonly #step: number
  readonly #windows = new Map<string, Window>()

  constructor(counter: RateCounter, points: number, seconds: number) {
    this.#counter = counter
    this.#points = points
    this.#windowMs = seconds * 1000
    this.#step = Math.max(1, Math.floor(points * STEP))
  }

  /** Takes `points`, unless nothing is left. A rejected request is not counted. */
  take(key: string, points: number): Grant {
    const now = performance.now()
    const known = this.#windows.get(key)
    const window = known && known.endsAt > now ? known : this.#begin(key, now)
    const allowed = window.used < this.#points
    if (allowed) {
      window.used += points
      window.unreported += points
      if (window.unreported >= this.#step && !window.reporting) void this.#report(key, window)
    }
    return this.#grant(allowed, window, now)
  }

  /** The refusal that `take` would return now. Counts nothing. */
  refusal(key: string): Grant | undefined {
    const window = this.#windows.get(key)
    if (!window || window.used < this.#points) return undefined
    const now = performance.now()
    return window.endsAt > now ? this.#grant(false, window, now) : undefined
  }

  #grant(allowed: boolean, { used, endsAt }: Window, now: number): Grant {
    const remaining = Math.max(0, this.#points - used)
    return { allowed, remaining, secondsLeft: Math.ceil((endsAt - now) / 1000) }
  }

  #begin(key: string, now: number): Window {
    const window = { used: 0, unreported: 0, endsAt: now + this.#windowMs, reporting: false }
    // Deleting first moves the key to the end of the map, so that the windows that ended come first.
    this.#windows.delete(key)
    this.#windows.set(key, window)
    for (const [old, { endsAt }] of this.#windows) {
      if (endsAt > now && this.#windows.size <= MAX_KEYS) break
      this.#windows.delete(old)
    }
    return window
  }

  async #report(key: string, window: Window): Promise<void> {
    window.reporting = true
    try {
      while (window.unreported >= this.#step) {
        const points = window.unreported
        window.unreported = 0
        const { used, msLeft } = await this.#counter.add(key, points)
        // A counter that was lost or replaced knows less. It must not release anyone early.
        window.used = Math.max(window.used, used + window.unreported)
        window.endsAt = Math.min(window.endsAt, performance.now() + msLeft)
      }
    } catch {
      // Without the shared counter, the count of this process still applies.
    } finally {
      window.reporting = false
    }
  }
}
