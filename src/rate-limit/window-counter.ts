import type { RateCounter } from './store.ts'

/** What became of a request for a budget. */
export interface Grant {
  allowed: boolean
  remaining: number
  /** Whole seconds until all of it is there again. */
  secondsLeft: number
}

/** More keys than this, and those counted longest ago make room. */
const MOST = 100_000

/** Of a budget, the part that a process gives away before it tells the others. */
const STEP = 1 / 10

interface LabeledCounter {
  /** By all processes, as far as this one knows, its own included. */
  used: number
  /** Of that, what the shared counter has not been told. */
  untold: number
  /** When it begins anew, by `performance.now()`: a wall clock may be set. */
  until: number
  telling: boolean
}

/**
 * So many points for each key in each window of time, over all processes. No caller ever waits for the
 * shared counter, and who uses little costs it nothing: a process counts by itself, and tells each tenth
 * of the budget that it has given away. So `n` processes together may give away `n` tenths too much.
 */
export class Budget {
  readonly #counter: RateCounter
  readonly #points: number
  readonly #milliseconds: number
  readonly #step: number
  readonly #tallies = new Map<string, LabeledCounter>()

  constructor(counter: RateCounter, points: number, seconds: number) {
    this.#counter = counter
    this.#points = points
    this.#milliseconds = seconds * 1000
    this.#step = Math.max(1, Math.floor(points * STEP))
  }

  /** Takes `points`, unless nothing is left; what is refused is not counted. */
  take(key: string, points: number): Grant {
    const now = performance.now()
    const tally = this.#tallies.get(key)
    const current = tally && tally.until > now ? tally : this.#begin(key, now)
    const allowed = current.used < this.#points
    if (allowed) {
      current.used += points
      current.untold += points
      if (current.untold >= this.#step && !current.telling) void this.#tell(key, current)
    }
    return this.#grant(allowed, current, now)
  }

  /** The refusal that `take` would give now; nothing is counted. */
  refusal(key: string): Grant | undefined {
    const tally = this.#tallies.get(key)
    if (!tally || tally.used < this.#points) return undefined
    const now = performance.now()
    return tally.until > now ? this.#grant(false, tally, now) : undefined
  }

  #grant(allowed: boolean, { used, until }: LabeledCounter, now: number): Grant {
    const remaining = Math.max(0, this.#points - used)
    return { allowed, remaining, secondsLeft: Math.ceil((until - now) / 1000) }
  }

  #begin(key: string, now: number): LabeledCounter {
    const tally = { used: 0, untold: 0, until: now + this.#milliseconds, telling: false }
    // Put in anew, it is the youngest: the oldest, which come first, are the ones that are over.
    this.#tallies.delete(key)
    this.#tallies.set(key, tally)
    for (const [old, { until }] of this.#tallies) {
      if (until > now && this.#tallies.size <= MOST) break
      this.#tallies.delete(old)
    }
    return tally
  }

  async #tell(key: string, tally: LabeledCounter): Promise<void> {
    tally.telling = true
    try {
      while (tally.untold >= this.#step) {
        const points = tally.untold
        tally.untold = 0
        const { used, msLeft } = await this.#counter.add(key, points)
        // A counter that knows less, for it was lost or is another one, sets nobody free before the time.
        tally.used = Math.max(tally.used, used + tally.untold)
        tally.until = Math.min(tally.until, performance.now() + msLeft)
      }
    } catch {
      // Without it, what this process counts by itself still holds.
    } finally {
      tally.telling = false
    }
  }
}
