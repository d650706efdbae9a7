import type { Logger } from 'pino'
import { eventId, type UserRef } from '../../ledger/event.ts'
import type { EventStore } from '../../ledger/event-store.ts'
import { type EventStores, oneStore } from '../../ledger/event-stores.ts'
import { toWire } from '../../ledger/money.ts'
import { LogBudget } from '../../lib/log-limits.ts'
import type { Bus, Link } from '../bus/bus.ts'
import { StreamMeter } from '../metrics.ts'
import { addressee, type EventFrame, Frame, parseMessage } from './frame.ts'
import type { PaceOptions } from './pace.ts'
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
  /** Of all databases. Default: `store`, for every tenant. */
  stores?: EventStores<EventStore> | undefined
  logger: Logger
  /** Default: one of its own. */
  meter?: StreamMeter
  /** Is notified of each event that has a trace context and was written to connections here. */
  tracer?: DeliveryTracer | undefined
  bounds?: Partial<QueueBounds>
  /** Gets every event, too. */
  services?: EventAudience
  /** Gets every event, too. */
  admins?: EventAudience
  /** Postgres is polled this often while the bus is not live. Default 1500. */
  pollEveryMs?: number
}

/** Takes events of any user while somebody listens. */
export interface EventAudience {
  readonly isEmpty: boolean
  receive(event: EventFrame): void
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
  /** Default: every event is sent at once. */
  pace?: PaceOptions | undefined
}

/**
 * Brings each event of the bus to the connections of its user, once and in order. Knows nothing of
 * transports and nothing of money.
 */
export class Hub {
  readonly #options: HubOptions
  readonly #meter: StreamMeter
  readonly #context: Omit<StreamContext, 'store'>
  readonly #streams = new Map<string, UserStream>()
  /** One for each database, so that none waits for another. */
  readonly #reconciliations = new Map<EventStore, Reconciliation>()
  readonly #contexts = new Map<EventStore, StreamContext>()
  readonly #stores: EventStores<EventStore>
  readonly #ignoredLog: LogBudget
  readonly #stopListening: () => void

  constructor(options: HubOptions) {
    this.#options = options
    const { bus, store, stores, logger, meter = new StreamMeter(), tracer } = options
    this.#meter = meter
    this.#stores = stores ?? oneStore(store)
    this.#context = {
      bus,
      logger,
      meter,
      tracer,
      backpressure: new Backpressure({ ...DEFAULT_BOUNDS, ...options.bounds }, meter),
      broadcastLog: new LogBudget(logger),
    }
    this.#ignoredLog = new LogBudget(logger, 5)
    this.#stopListening = bus.listen({
      message: (text) => this.#receive(text),
      link: () => {
        for (const one of this.#reconciliations.values()) one.linkChanged()
      },
    })
    this.#contextOf(store)
  }

  /**
   * `live` only once every connected user was compared with Postgres after the link became live. The users of a database
   * beside `store` do not count while it cannot be read.
   */
  get health(): HubHealth {
    const { bus, store } = this.#options
    const isOpen = ([of, one]: [EventStore, Reconciliation]) =>
      !one.isDone && (of === store || !one.isFailing)
    const { link } = bus
    return link.state === 'live' && [...this.#reconciliations].some(isOpen)
      ? { state: 'reconciling' }
      : link
  }

  /** The number of users with a connection here. */
  get users(): number {
    return this.#streams.size
  }

  /** Sends the user's balance, the missed events and all new events to `sink`. */
  subscribe(user: UserRef, sink: Sink, options: SubscribeOptions): Subscriber {
    const subscriber = new Subscriber(sink, options.currency, options.pace)
    const stream = this.#streamOf(user)
    stream.members += 1
    void stream.join(subscriber, options.lastEventId)
    return subscriber
  }

  /** Ends a subscription. A second call does nothing. */
  unsubscribe(user: UserRef, subscriber: Subscriber): void {
    if (subscriber.isClosed) return
    subscriber.close()
    const key = streamKey(user)
    const stream = this.#streams.get(key)
    if (!stream) return
    stream.leave(subscriber)
    stream.members -= 1
    if (stream.members > 0) return
    this.#streams.delete(key)
    stream.close()
  }

  /** Whether the connection has too many unread bytes. */
  isFull(subscriber: Subscriber): boolean {
    return this.#context.backpressure.isFull(subscriber)
  }

  /** The answer to `get_current_balance`, from Postgres. */
  async currentBalance(user: UserRef, currency: string): Promise<Frame> {
    const store = this.#stores.of(user.tenant)
    const { balance, seq } = await store.balance(user, currency)
    const id = eventId(store.epoch, seq)
    return new Frame('balance_current', { balance: toWire(balance, currency), currency, id, seq })
  }

  close(): void {
    this.#stopListening()
    for (const one of this.#reconciliations.values()) one.close()
  }

  #streamOf(user: UserRef): UserStream {
    const key = streamKey(user)
    let stream = this.#streams.get(key)
    if (!stream) {
      stream = new UserStream(user, this.#contextOf(this.#stores.of(user.tenant)))
      this.#streams.set(key, stream)
    }
    return stream
  }

  #contextOf(store: EventStore): StreamContext {
    const known = this.#contexts.get(store)
    if (known) return known
    const context = { ...this.#context, store }
    this.#contexts.set(store, context)
    const reconciliation = new Reconciliation({ ...this.#options, store, streams: this.#streams })
    this.#reconciliations.set(store, reconciliation)
    void reconciliation.follow()
    return context
  }

  #receive(text: string): void {
    const { services, admins } = this.#options
    // Most messages are about users who are not connected here.
    if (services?.isEmpty !== false && admins?.isEmpty !== false) {
      const user = addressee(text)
      if (user && !this.#streams.has(streamKey(user))) {
        this.#meter.strangers += 1
        return
      }
    }
    const event = parseMessage(text, this.#stores.epochOf)
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
    services?.receive(event)
    admins?.receive(event)
  }
}

/** Neither part can contain a line break. */
export function streamKey({ tenant, userId }: UserRef): string {
  return `${tenant}\n${userId}`
}
