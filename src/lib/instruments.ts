/** Counts values by size. `add` costs a few comparisons. The rest of the work is left to the reader. */
export class Histogram {
  /** Upper ends of the buckets, ascending. One more bucket takes the values above the last one. */
  readonly bounds: readonly number[]
  /** Per bucket, not cumulative. */
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

/** Bounds in seconds for times that a client waits: fine near a millisecond, up to the request timeout. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

/** A count under one combination of labels. */
export interface LabeledCount {
  labels: Record<string, string>
  count: number
}

/** A counter with labels. Every combination of their values has a count of its own, so the values must be few. */
export class LabeledCounter {
  readonly #names: readonly string[]
  readonly #counts = new Map<string, LabeledCount>()

  constructor(...names: string[]) {
    this.#names = names
  }

  /** @param values one for each label, in order */
  add(...values: string[]): void {
    // A single label needs no join, so that it costs nothing.
    const key = values.length === 1 ? (values[0] ?? '') : values.join('\n')
    const found = this.#counts.get(key)
    if (found) found.count += 1
    else this.#counts.set(key, { labels: this.#labels(values), count: 1 })
  }

  read(): Iterable<LabeledCount> {
    return this.#counts.values()
  }

  #labels(values: readonly string[]): Record<string, string> {
    return Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? '']))
  }
}
