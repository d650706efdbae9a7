export interface BatcherOptions {
  /** The most items in one call. */
  size: number
  /** The most calls under way at the same time. Default: no limit. */
  inFlight?: number
  /**
   * After a call with several items, the next one waits for this long in milliseconds, so that it is a larger one.
   * Default: it does not wait.
   */
  gatherMs?: number
}

interface Waiting<In, Out> {
  item: In
  resolve: (out: Out) => void
  reject: (error: unknown) => void
}

/**
 * Collects items and hands them to one call together. A single item waits only for the current turn of the
 * event loop. While the limit of calls is reached, items wait, and the next call takes them.
 */
export class Batcher<In, Out> {
  readonly #run: (items: In[]) => Promise<PromiseSettledResult<Out>[]>
  readonly #size: number
  readonly #maxInFlight: number
  readonly #gatherMs: number
  /** By `performance.now()`: when the next call may begin. */
  #nextAt = 0
  #waiting: Waiting<In, Out>[] = []
  #inFlight = 0
  #scheduled = false

  /** @param run returns one result for each item, in their order; if it throws, every item is rejected */
  constructor(
    run: (items: In[]) => Promise<PromiseSettledResult<Out>[]>,
    { size, inFlight = Number.POSITIVE_INFINITY, gatherMs = 0 }: BatcherOptions,
  ) {
    this.#run = run
    this.#size = size
    this.#maxInFlight = inFlight
    this.#gatherMs = gatherMs
  }

  add(item: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#schedule()
    })
  }

  /** Items that no call has taken yet. */
  get depth(): number {
    return this.#waiting.length
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.#maxInFlight) return
    this.#scheduled = true
    const isFull = this.#waiting.length >= this.#size
    const waitMs = this.#gatherMs > 0 && !isFull ? this.#nextAt - performance.now() : 0
    if (waitMs > 0) setTimeout(() => this.#sendAll(), waitMs)
    // After the I/O callbacks of this turn, so that the batch takes what arrives on other sockets too.
    else setImmediate(() => this.#sendAll())
  }

  #sendAll(): void {
    this.#scheduled = false
    while (this.#waiting.length > 0 && this.#inFlight < this.#maxInFlight) this.#send()
  }

  async #send(): Promise<void> {
    const batch = this.#waiting.splice(0, this.#size)
    if (batch.length > 1) this.#nextAt = performance.now() + this.#gatherMs
    this.#inFlight += 1
    try {
      const results = await this.#run(batch.map((waiting) => waiting.item))
      batch.forEach(({ resolve, reject }, i) => {
        const result = results[i]
        if (result?.status === 'fulfilled') resolve(result.value)
        else reject(result?.reason ?? new Error('the call returned fewer results than items'))
      })
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#inFlight -= 1
      if (this.#waiting.length > 0) this.#schedule()
    }
  }
}

/** The results of a call in which every item succeeded. */
export function allFulfilled<Out>(values: readonly Out[]): PromiseFulfilledResult<Out>[] {
  return values.map((value) => ({ status: 'fulfilled', value }))
}
