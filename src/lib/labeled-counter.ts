/** What was counted under one combination of labels. */
export interface Tallied {
  labels: Record<string, string>
  count: number
}

/** Counts things by labels whose values come from a closed set: each combination is a number of its own. */
export class LabeledCounter {
  readonly #names: readonly string[]
  readonly #counts = new Map<string, Tallied>()

  constructor(...names: string[]) {
    this.#names = names
  }

  /** @param values one for each name, in order */
  add(...values: string[]): void {
    // Joined by hand: the one way that costs nothing for a single label.
    const key = values.length === 1 ? (values[0] ?? '') : values.join('\n')
    const tallied = this.#counts.get(key)
    if (tallied) tallied.count += 1
    else this.#counts.set(key, { labels: this.#labels(values), count: 1 })
  }

  read(): Iterable<Tallied> {
    return this.#counts.values()
  }

  #labels(values: readonly string[]): Record<string, string> {
    return Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? '']))
  }
}
