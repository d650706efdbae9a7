/**
 * How often values of which size came up, in plain numbers: adding one is a few comparisons, and everything
 * else happens when somebody reads.
 */
export class Histogram {
  /** Upper ends of the buckets, ascending; what is above the last one falls into one more. */
  readonly bounds: readonly number[]
  /** By bucket, not cumulative. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  add(value: number): void {
    let bucket = 0
    while (bucket < this.bounds.length && value > (this.bounds[bucket] ?? 0)) bucket += 1
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    this.sum += value
  }

  get total(): number {
    return this.counts.reduce((total, count) => total + count, 0)
  }
}

/** Seconds, for what a client waits for: fine around a millisecond, and up to the request timeout. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
