import { performance } from 'node:perf_hooks'

/** What was longer ago counts for less than a third. */
const MEMORY_MS = 500

/**
 * How busy the process is with requests. Its utilization alone does not say so, because deliveries are a part of it, and
 * would slow themselves down.
 */
export class RequestLoad {
  readonly #answered: () => number
  #seen = performance.eventLoopUtilization()
  #counted = 0
  #activeMs = 0
  #totalMs = 0
  #requests = 0
  #deliveries = 0

  /** @param answered the requests of this process since its start */
  constructor(answered: () => number) {
    this.#answered = answered
    this.#counted = answered()
  }

  /** Is told of each delivery. */
  sent(): void {
    this.#deliveries += 1
  }

  /** From 0 to 0.99. It is the utilization as soon as there are as many requests as deliveries. */
  share(): number {
    const now = performance.eventLoopUtilization()
    const { idle, active } = performance.eventLoopUtilization(now, this.#seen)
    const answered = this.#answered()
    this.#totalMs += idle + active
    this.#activeMs += active
    this.#requests += answered - this.#counted
    this.#seen = now
    this.#counted = answered
    const utilization = this.#totalMs > 0 ? this.#activeMs / this.#totalMs : 0
    const part = Math.min(1, this.#requests / Math.max(1, this.#deliveries))
    const kept = Math.exp(-(idle + active) / MEMORY_MS)
    this.#totalMs *= kept
    this.#activeMs *= kept
    this.#requests *= kept
    this.#deliveries *= kept
    return Math.min(0.99, utilization * part)
  }
}
