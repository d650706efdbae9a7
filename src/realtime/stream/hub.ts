import type { Logger } from 'pino'
import { eventId, type UserRef } from '../../ledger/event.ts'
import type { EventStore } from '../../ledger/event-store.ts'
import { toWire } from '../../ledger/money.ts'
import { LogBudget } from '../../lib/log-limits.ts'
import type { Bus, Link } from '../bus/bus.ts'
import { StreamMeter } from '../metrics.ts'
import { Frame, parseMessage } from './frame.ts'
import { Reconciliation } from './reconciliation.ts'
import {
  Backpressure,
  DEFAULT_BOUNDS,
  type QueueBounds,
  type Sink,
  Subscriber,
} from './subscriber.ts'
import { type DeliveryTracer, type StreamContext, UserStream } from './user-stream.ts'

export interface HubOptions {
  bus: Bus
  store: EventStore
  logger: Logger
  /** Default: one of its own. */
  meter?: StreamMeter
  /** Is notified of each event that has a trace context and was written to connections here. */
  tracer?: DeliveryTracer | undefined
  bounds?: Partial<QueueBounds>
  /** Postgres is polled this often while the bus is not live. Default 1500. */
  pollEveryMs?: number
}

export interface HubHealth {
  state: Link['state'] | 'reconciling'
  reason?: string
}

export interface SubscribeOptions {
  /** Of the balance that the connection gets first. The stream has events of every currency. */
  currency: string
  /** `<epoch>:<seq>` of the last event that the client has. */
  lastEventId?: string | undefined
}

/**
 * Brings each event of the bus to the connections of its user, once and in order. Knows nothing of
 * transports and nothing of money.
 */
export class Hub {
  readonly #options: HubOptions
  readonly #meter: StreamMeter
  readonly #context: StreamContext
  readonly #streams = new Map<string, UserStream>()
  readonly #reconciliation: Reconciliation
  readonly #ignoredLog: LogBudget
  readonly #stopListening: () => void

  constructor(options: HubOptions) {
    this.#options = options
    const { bus, store, logger, meter = new StreamMeter(), tracer } = options
    this.#meter = meter
    this.#context = {
      store,
      logger,
      meter,
      tracer,
      backpressure: new Backpressure({ ...DEFAULT_BOUNDS, ...options.bounds }, meter),
      broadcastLog: new LogBudget(logger),
    }
    this.#ignoredLog = new LogBudget(logger, 5)
    this.#reconciliation = new Reconciliation({ ...options, streams: this.#streams })
    this.#stopListening = bus.listen({
      message: (text) => this.#receive(text),
      link: () => this.#reconciliation.linkChanged(),
    })
    void this.#reconciliation.follow()
  }

  /** `live` only once every connected user was compared with Postgres after the link became live. */
  get health(): HubHealth {
    const { link } = this.#options.bus
    return link.state === 'live' && !this.#reconciliation.isDone ? { state: 'reconciling' } : link
  }

  /** The number of users with a connection here. */
  get users(): number {
    return this.#streams.size
  }

  /** Sends the user's balance, the missed events and all new events to `sink`. */
  subscribe(user: UserRef, sink: Sink, options: SubscribeOptions): Subscriber {
    const subscriber = new Subscriber(sink, options.currency)
    const stream = this.#streamOf(user)
    stream.members += 1
    void stream.join(subscriber, options.lastEventId)
    return subscriber
  }

  /** Ends a subscription. A second call does nothing. */
  unsubscribe(user: UserRef, subscriber: Subscriber): void {
    if (subscriber.isClosed) return
    subscriber.state = 'closed'
    const key = streamKey(user)
    const stream = this.#streams.get(key)
    if (!stream) return
    stream.leave(subscriber)
    stream.members -= 1
    if (stream.members === 0) this.#streams.delete(key)
  }

  /** Whether the connection has too many unread bytes. */
  isFull(subscriber: Subscriber): boolean {
    return this.#context.backpressure.isFull(subscriber)
  }

  /** The answer to `get_current_balance`, from Postgres. */
  async currentBalance(user: UserRef, currency: string): Promise<Frame> {
    const { store } = this.#options
    const { balance, seq } = await store.balance(user, currency)
    const id = eventId(store.epoch, seq)
    return new Frame('balance_current', { balance: toWire(balance, currency), currency, id, seq })
  }

  close(): void {
    this.#stopListening()
    this.#reconciliation.close()
  }

  #streamOf(user: UserRef): UserStream {
    const key = streamKey(user)
    let stream = this.#streams.get(key)
    if (!stream) {
      stream = new UserStream(user, this.#context)
      this.#streams.set(key, stream)
    }
    return stream
  }

  #receive(text: string): void {
    const event = parseMessage(text, this.#options.store.epoch)
    if (typeof event === 'string') {
      this.#meter.ignored += 1
      if (this.#ignoredLog.take()) {
        const { logger } = this.#options
        logger.warn({ reason: event }, 'ignored an invalid message on balance:updates')
      }
      return
    }
    this.#meter.receivedMessage(text)
    this.#streams.get(streamKey(event))?.receive(event)
  }
}

/** Neither part can contain a line break. */
export function streamKey({ tenant, userId }: UserRef): string {
  return `${tenant}\n${userId}`
}
