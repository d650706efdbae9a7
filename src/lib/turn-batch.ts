/**
 * Gathers the calls of one event-loop turn and answers them with one call of `run`. Alone, a call waits
 * for nobody: the batch leaves when the current turn's microtasks are done.
 */
export class TurnBatch<Item, Result> {
  readonly #run: (items: Item[]) => Promise<Result[]>
  readonly #limit: number
  #waiting: { item: Item; resolve: (r: Result) => void; reject: (e: unknown) => void }[] = []

  /** @param run answers in the order of the items, at most `limit` of them at a time */
  constructor(limit: number, run: (items: Item[]) => Promise<Result[]>) {
    this.#limit = limit
    this.#run = run
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush())
      this.#waiting.push({ item, resolve, reject })
    })
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (let from = 0; from < waiting.length; from += this.#limit) {
      const part = waiting.slice(from, from + this.#limit)
      this.#run(part.map(({ item }) => item)).then(
        (results) => {
          for (const [i, { resolve }] of part.entries()) resolve(results[i] as Result)
        },
        (error) => {
          for (const { reject } of part) reject(error)
        },
      )
    }
  }
}
