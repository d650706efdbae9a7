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
