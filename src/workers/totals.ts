import { withTimeout } from '../lib/timeout.ts'
import type { MetricValues } from '../observability/prometheus.ts'
import type { Exposition } from '../routes/deps.ts'

/** A worker that takes longer is counted as it last was. */
const ANSWER_TIMEOUT_MS = 3_000

/** Asks one worker for its values, which are then given to `take`. */
type Ask = (worker: number, request: number) => void

/**
 * The metrics of all workers of a port as those of one server. What a worker has counted stays in the sums after it
 * ended. Otherwise they would fall, and Prometheus would take that for a restart and count the rest once more.
 */
export class Totals {
  /** The last values of each worker. */
  readonly #latest = new Map<number, MetricValues>()
  readonly #waiting = new Map<number, { worker: number; answered: () => void }>()
  /** Counted by workers that have ended. */
  #ended: Promise<MetricValues> = Promise.resolve([])
  #requests = 0
  #current: Promise<Exposition> | undefined

  /**
   * @param workers those that can answer
   * @throws if one of them has never told its values
   */
  read(workers: readonly number[], ask: Ask): Promise<Exposition> {
    this.#current ??= this.#read(workers, ask).finally(() => {
      this.#current = undefined
    })
    return this.#current
  }

  take(worker: number, values: MetricValues, request?: number): void {
    this.#latest.set(worker, values)
    if (request !== undefined) this.#waiting.get(request)?.answered()
  }

  /** Call it when a worker has ended. */
  end(worker: number): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.worker === worker) waiting.answered()
    }
    const counted = (this.#latest.get(worker) ?? []).filter(isCount)
    this.#latest.delete(worker)
    if (counted.length === 0) return
    this.#ended = this.#ended.then(async (ended) => {
      return (await together([ended, counted])).getMetricsAsJSON()
    })
  }

  async #read(workers: readonly number[], ask: Ask): Promise<Exposition> {
    await Promise.all(workers.map((worker) => this.#answerOf(worker, ask)))
    const all = await together([...this.#latest.values(), await this.#ended])
    return { contentType: all.contentType, text: await all.metrics() }
  }

  async #answerOf(worker: number, ask: Ask): Promise<void> {
    const request = ++this.#requests
    const answer = new Promise<void>((answered) => this.#waiting.set(request, { worker, answered }))
    ask(worker, request)
    try {
      await withTimeout(answer, ANSWER_TIMEOUT_MS, () => {
        if (!this.#latest.has(worker)) throw new Error(`worker ${worker} did not tell its metrics`)
      })
    } finally {
      this.#waiting.delete(request)
    }
  }
}

/** Grows as long as a worker lives. */
function isCount({ type, aggregator }: MetricValues[number]): boolean {
  const kind = String(type)
  return (kind === 'counter' || kind === 'histogram') && aggregator === 'sum'
}

async function together(values: MetricValues[]) {
  const { default: prometheus } = await import('prom-client')
  return prometheus.AggregatorRegistry.aggregate(values)
}
