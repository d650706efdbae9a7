import type { StreamMeter } from '../metrics.ts'
import { SLOW, type Subscriber } from './subscriber.ts'

/** How much a connection may have waiting to be read, and for how long. */
export interface QueueBounds {
  /** Bytes past which a connection gets no more events. Default 256 KiB. */
  maxQueuedBytes: number
  /** Milliseconds after which a connection that stays full is cut. Default 30 s. */
  maxLagMs: number
}

export const DEFAULT_BOUNDS: QueueBounds = { maxQueuedBytes: 256 * 1024, maxLagMs: 30_000 }

const LOOK_EVERY = 100

interface Waiting {
  since: number
  resolve(drained: boolean): void
}

/**
 * Waits for full connections to be read. All transports can say how much they hold, none alike when
 * that changed, so they are asked, while there are any.
 */
export class Backpressure {
  readonly #bounds: QueueBounds
  readonly #meter: StreamMeter
  readonly #waiting = new Map<Subscriber, Waiting>()
  #timer: NodeJS.Timeout | undefined

  constructor(bounds: QueueBounds, meter: StreamMeter) {
    this.#bounds = bounds
    this.#meter = meter
  }

  isFull(subscriber: Subscriber): boolean {
    return subscriber.sink.queuedBytes() > this.#bounds.maxQueuedBytes
  }

  /** True once the connection has room again; false when it is gone, or was cut because it took too long. */
  drained(subscriber: Subscriber): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.set(subscriber, { since: performance.now(), resolve })
      this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY)
    })
  }

  #look(): void {
    const now = performance.now()
    for (const [subscriber, { since, resolve }] of this.#waiting) {
      const gone = subscriber.state === 'gone'
      const drained = subscriber.sink.queuedBytes() <= this.#bounds.maxQueuedBytes / 4
      const late = now - since > this.#bounds.maxLagMs
      if (!gone && !drained && !late) continue
      this.#waiting.delete(subscriber)
      if (!gone && !drained) {
        this.#meter.cuts.add(SLOW.code)
        subscriber.sink.close(SLOW)
      }
      resolve(!gone && drained)
    }
    if (this.#waiting.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
