import type { ErrorCode } from '../../lib/api-error.ts'
import type { StreamMeter } from '../metrics.ts'
import type { EventFrame, Frame } from './frame.ts'
import { Pace, type PaceOptions } from './pace.ts'

/** Why the server closes a connection. */
export interface CloseReason {
  code: ErrorCode
  message: string
  /** True: an `error` event tells the client first, because connecting again in the same way will not help. */
  final: boolean
}

export const SLOW: CloseReason = {
  code: 'slow_consumer',
  message: 'The client did not read what it was sent.',
  final: false,
}

/** A transport's end of one connection, as the hub sees it. */
export interface Sink {
  /** Takes one frame, in order. Never throws; does nothing once the connection is closed. */
  write(frame: Frame): void
  /** Bytes that were written and that the network has not taken yet. */
  queuedBytes(): number
  /** Closes the connection. The owner of the sink calls the hub's `unsubscribe` once it is closed. */
  close(reason: CloseReason): void
}

/**
 * `joining`: its state and history are being read. `live`: gets events as they happen. `lagging`: its queue
 * is full, so it gets nothing until the client has read. `closed`: its connection is closed.
 */
export type SubscriberState = 'joining' | 'live' | 'lagging' | 'closed'

/** One connection's place in its user's stream. */
export class Subscriber {
  readonly sink: Sink
  readonly currency: string
  state: SubscriberState = 'joining'
  /** The seq of the last event that it has, either delivered or included in its first state. */
  position = 0
  /** Counts the events that it gets, with those of others. */
  tally = { events: 0 }
  readonly #pace: Pace | undefined
  #begun = false
  #waiting: (() => void)[] | undefined

  constructor(sink: Sink, currency: string, pace?: PaceOptions) {
    this.sink = sink
    this.currency = currency
    this.#pace = pace && new Pace(pace, (frame) => sink.write(frame))
  }

  get isClosed(): boolean {
    return this.state === 'closed'
  }

  /** Takes the next event of the stream. A connection with a maximum rate may get it later. */
  deliver(event: EventFrame): void {
    this.tally.events += 1
    if (this.#pace) this.#pace.deliver(event)
    else this.sink.write(event)
  }

  /** Sends the events that wait, before the server closes the connection. */
  flush(): void {
    this.#pace?.flush()
  }

  /** Forgets the events that wait, because a state that includes them is sent. */
  dropWaiting(): void {
    this.#pace?.drop()
  }

  /** The connection is closed. */
  close(): void {
    this.state = 'closed'
    this.dropWaiting()
  }

  /** Whether its first state was sent, which comes before everything else. */
  get hasBegun(): boolean {
    return this.#begun
  }

  /** Resolves once its first state was sent; never if the connection is closed before. */
  begun(): Promise<void> {
    if (this.#begun) return Promise.resolve()
    this.#waiting ??= []
    const waiting = this.#waiting
    return new Promise((resolve) => waiting.push(resolve))
  }

  /** Its first state was sent. */
  begin(): void {
    this.#begun = true
    for (const resolve of this.#waiting ?? []) resolve()
    this.#waiting = undefined
  }
}

/** Bounds the unread bytes of a connection, and the time for which it may have too many. */
export interface QueueBounds {
  /** Past this a connection gets no more events. Default 256 KiB. */
  maxQueuedBytes: number
  /** A connection that stays full for this long is cut. Default 30 s. */
  maxLagMs: number
}

export const DEFAULT_BOUNDS: QueueBounds = { maxQueuedBytes: 256 * 1024, maxLagMs: 30_000 }

const CHECK_EVERY_MS = 100

interface Waiting {
  since: number
  resolve(drained: boolean): void
}

/**
 * Waits for full connections to be read. Every transport knows the length of its queue, but they have no
 * common event for a shorter queue. So queues are polled while any connection is full.
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

  /** True once the connection has room again; false if it is closed, or was cut because it took too long. */
  drained(subscriber: Subscriber): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.set(subscriber, { since: performance.now(), resolve })
      this.#timer ??= setInterval(() => this.#check(), CHECK_EVERY_MS)
    })
  }

  #check(): void {
    const now = performance.now()
    for (const [subscriber, { since, resolve }] of this.#waiting) {
      const { isClosed } = subscriber
      const drained = subscriber.sink.queuedBytes() <= this.#bounds.maxQueuedBytes / 4
      const late = now - since > this.#bounds.maxLagMs
      if (!isClosed && !drained && !late) continue
      this.#waiting.delete(subscriber)
      if (!isClosed && !drained) {
        this.#meter.cuts.add(SLOW.code)
        subscriber.sink.close(SLOW)
      }
      resolve(!isClosed && drained)
    }
    if (this.#waiting.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
