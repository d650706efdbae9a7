/** What was used of a budget, by all processes. */
export interface Usage {
  used: number
  /** Milliseconds until all of it is there again. */
  msLeft: number
}

/** Counts the use of one budget for all processes. */
export interface RateCounter {
  add(key: string, points: number): Promise<Usage>
}

export interface RateStore {
  /** The counter of the budget `name`: it begins at 0 again every `seconds`, for each key by itself. */
  counter(name: string, seconds: number): RateCounter
}
