import type { Logger } from 'pino'
import { eventId, type UserRef } from '../../ledger/event.ts'
import type { EventStore } from '../../ledger/event-store.ts'
import { toWire } from '../../ledger/money.ts'
import { LogBudget } from '../../lib/log-limits.ts'
import type { Bus, Link } from '../bus/bus.ts'
import { parseMessage } from '../bus/message.ts'
import { StreamMeter } from '../metrics.ts'
import { Backpressure, DEFAULT_BOUNDS, type QueueBounds } from './backpressure.ts'
import type { DeliveryTracer } from './delivery-tracer.ts'
import { Frame } from './frame.ts'
import { Joins } from './joins.ts'
import { Reconciliation } from './reconciliation.ts'
import { type Sink, Subscriber } from './subscriber.ts'
import { type StreamContext, UserStream } from './user-stream.ts'

export interface HubOptions {
  bus: Bus
  store: EventStore
  logger: Logger
  /** Default: one of its own. */
  meter?: StreamMeter
  /** Is told of each event that has an origin, once it was handed to the connections here. */
  tracer?: DeliveryTracer | undefined
  bounds?: Partial<QueueBounds>
  /** Milliseconds between looks at Postgres while the bus is not live. Default 1500. */
  pollEveryMs?: number
}

export interface HubHealth {
  state: Link['state'] | 'reconciling'
  reason?: string
}

export interface SubscribeOptions {
  /** Of the balance that the connection is told; events of every currency are in the stream. */
  currency: string
  /** `<epoch>:<seq>` of the last event that the client has. */
  lastEventId?: string | undefined
}

/**
 * Brings each event of the bus to the connections of its user, once and in order. Knows nothing of
 * transports, and nothing of money.
 */
export class Hub {
  readonly #options: HubOptions
  readonly #meter: StreamMeter
  readonly #context: StreamContext
  readonly #joins: Joins
  readonly #channels = new Map<string, UserStream>()
  readonly #reconciliation: Reconciliation
  readonly #garbage: LogBudget
  readonly #stopListening: () => void

  constructor(options: HubOptions) {
    this.#options = options
    const { bus, store, logger, meter = new StreamMeter(), tracer } = options
    const drains = new Backpressure({ ...DEFAULT_BOUNDS, ...options.bounds }, meter)
    this.#meter = meter
    this.#joins = new Joins({ store, drains, logger, meter })
    this.#context = {
      store,
      logger,
      meter,
      tracer,
      drains,
      joins: this.#joins,
      broadcasts: new LogBudget(logger),
    }
    this.#garbage = new LogBudget(logger, 5)
    this.#reconciliation = new Reconciliation({ ...options, channels: this.#channels })
    this.#stopListening = bus.listen({
      message: (text) => this.#receive(text),
      link: () => this.#reconciliation.linkChanged(),
    })
    void this.#reconciliation.follow()
  }

  /** `live` only once every connected user was compared with Postgres after the link came up. */
  get health(): HubHealth {
    const { link } = this.#options.bus
    return link.state === 'live' && !this.#reconciliation.isDone ? { state: 'reconciling' } : link
  }

  /** The number of users with a connection here. */
  get users(): number {
    return this.#channels.size
  }

  /** Begins to send the user's state, what was missed, and what happens, to `sink`. */
  subscribe(who: UserRef, sink: Sink, options: SubscribeOptions): Subscriber {
    const subscriber = new Subscriber(sink, options.currency)
    const channel = this.#channel(who)
    channel.members += 1
    void this.#joins.begin(channel, subscriber, options.lastEventId)
    return subscriber
  }

  /** Ends it; once. */
  unsubscribe(who: UserRef, subscriber: Subscriber): void {
    if (subscriber.isGone) return
    subscriber.state = 'gone'
    const key = channelKey(who.tenant, who.userId)
    const channel = this.#channels.get(key)
    if (!channel) return
    channel.leave(subscriber)
    channel.members -= 1
    if (channel.members === 0) this.#channels.delete(key)
  }

  /** Whether the connection has as much waiting to be read as it may have. */
  isFull(subscriber: Subscriber): boolean {
    return this.#context.drains.isFull(subscriber)
  }

  /** The answer to `get_current_balance`, from Postgres. */
  async currentBalance(who: UserRef, currency: string): Promise<Frame> {
    const { store } = this.#options
    const { balance, seq } = await store.balance(who, currency)
    const id = eventId(store.epoch, seq)
    return new Frame('balance_current', { balance: toWire(balance, currency), currency, id, seq })
  }

  close(): void {
    this.#stopListening()
    this.#reconciliation.close()
  }

  #channel(who: UserRef): UserStream {
    const key = channelKey(who.tenant, who.userId)
    let channel = this.#channels.get(key)
    if (!channel) {
      channel = new UserStream(who, this.#context)
      this.#channels.set(key, channel)
    }
    return channel
  }

  #receive(text: string): void {
    const event = parseMessage(text, this.#options.store.epoch)
    if (typeof event === 'string') {
      this.#meter.ignored += 1
      if (this.#garbage.take()) {
        const { logger } = this.#options
        logger.warn({ reason: event }, 'ignored a message on balance:updates that is not ours')
      }
      return
    }
    this.#meter.receivedMessage(text)
    this.#channels.get(channelKey(event.tenant, event.userId))?.receive(event)
  }
}

/** Neither part can hold a line end. */
function channelKey(tenant: string, userId: string): string {
  return `${tenant}\n${userId}`
}
