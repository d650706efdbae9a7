export interface BatcherOptions {
  /** Items in one call, at most. */
  size: number
  /** Calls under way at once, at most. */
  inFlight: number
}

interface Waiting<In, Out> {
  item: In
  resolve: (out: Out) => void
  reject: (error: unknown) => void
}

/**
 * Collects what waits while calls are under way: the next call takes it all as one array. Alone, an
 * item waits for nobody but its own turn of the event loop.
 */
export class Batcher<In, Out> {
  readonly #run: (items: In[]) => Promise<PromiseSettledResult<Out>[]>
  readonly #options: BatcherOptions
  #waiting: Waiting<In, Out>[] = []
  #inFlight = 0
  #scheduled = false

  /** `run` answers for each item in order, and does not throw. */
  constructor(run: (items: In[]) => Promise<PromiseSettledResult<Out>[]>, options: BatcherOptions) {
    this.#run = run
    this.#options = options
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
    if (this.#scheduled || this.#inFlight >= this.#options.inFlight) return
    this.#scheduled = true
    // After this turn's I/O callbacks: what arrived on other sockets in the same turn comes along.
    setImmediate(() => {
      this.#scheduled = false
      while (this.#waiting.length > 0 && this.#inFlight < this.#options.inFlight) this.#send()
    })
  }

  async #send(): Promise<void> {
    const batch = this.#waiting.splice(0, this.#options.size)
    this.#inFlight += 1
    try {
      const results = await this.#run(batch.map((waiting) => waiting.item))
      batch.forEach(({ resolve, reject }, i) => {
        const result = results[i]
        if (result?.status === 'fulfilled') resolve(result.value)
        else reject(result?.reason ?? new Error('a batch came back short'))
      })
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#inFlight -= 1
      if (this.#waiting.length > 0) this.#schedule()
    }
  }
}
