import type { Logger } from 'pino'
import { eventId, type Who } from '../ledger/event.ts'
import type { EventStore } from '../ledger/event-store.ts'
import { toWire } from '../ledger/money.ts'
import { LogBudget } from '../log-budget.ts'
import type { Bus, Link } from './bus.ts'
import { Channel, type ChannelContext, type DeliveryTracer } from './channel.ts'
import { DEFAULT_BOUNDS, Drains, type QueueBounds } from './drains.ts'
import { Frame } from './frame.ts'
import { parseMessage } from './message.ts'
import { StreamMeter } from './meter.ts'
import { type Sink, Subscriber } from './subscriber.ts'

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
  pollEvery?: number
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

/** Users compared with Postgres in one query. */
const BATCH = 200

/** Joins that failed are tried this often, `RETRY_JOIN` milliseconds apart, before the client is sent away. */
const JOIN_ATTEMPTS = 10
const RETRY_JOIN = 500

/**
 * Brings each event of the bus to the connections of its user, once and in order. Knows nothing of
 * transports, and nothing of money.
 */
export class Hub {
  readonly #options: HubOptions
  readonly #meter: StreamMeter
  readonly #context: ChannelContext
  readonly #channels = new Map<string, Channel>()
  readonly #garbage: LogBudget
  readonly #stopListening: () => void
  /** Counts link changes, so that a reconciliation knows whether it still means something. */
  #linkChanges = 0
  #reconciled = false
  #closed = false
  #wake: (() => void) | undefined

  constructor(options: HubOptions) {
    this.#options = options
    const { bus, store, logger, meter = new StreamMeter(), tracer } = options
    this.#meter = meter
    this.#context = {
      store,
      logger,
      meter,
      tracer,
      drains: new Drains({ ...DEFAULT_BOUNDS, ...options.bounds }, meter),
      broadcasts: new LogBudget(logger),
    }
    this.#garbage = new LogBudget(logger, 5)
    this.#stopListening = bus.listen({
      message: (text) => this.#receive(text),
      link: () => this.#linkChanged(),
    })
    void this.#followLink()
  }

  /** `live` only once every connected user was compared with Postgres after the link came up. */
  get health(): HubHealth {
    const { link } = this.#options.bus
    return link.state === 'live' && !this.#reconciled ? { state: 'reconciling' } : link
  }

  /** The number of users with a connection here. */
  get users(): number {
    return this.#channels.size
  }

  /** Begins to send the user's state, what was missed, and what happens, to `sink`. */
  subscribe(who: Who, sink: Sink, options: SubscribeOptions): Subscriber {
    const subscriber = new Subscriber(sink, options.currency)
    const channel = this.#channel(who)
    channel.members += 1
    void this.#join(channel, subscriber, options.lastEventId)
    return subscriber
  }

  /** Ends it; once. */
  unsubscribe(who: Who, subscriber: Subscriber): void {
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
  async currentBalance(who: Who, currency: string): Promise<Frame> {
    const { store } = this.#options
    const { balance, seq } = await store.balance(who, currency)
    const id = eventId(store.epoch, seq)
    return new Frame('balance_current', { balance: toWire(balance, currency), currency, id, seq })
  }

  close(): void {
    this.#closed = true
    this.#stopListening()
    this.#wake?.()
  }

  #channel(who: Who): Channel {
    const key = channelKey(who.tenant, who.userId)
    let channel = this.#channels.get(key)
    if (!channel) {
      channel = new Channel(who, this.#context)
      this.#channels.set(key, channel)
    }
    return channel
  }

  async #join(channel: Channel, subscriber: Subscriber, lastEventId?: string): Promise<void> {
    const after = lastEventId === undefined ? undefined : this.#seqOf(lastEventId)
    for (let attempt = 1; !subscriber.isGone; attempt++) {
      try {
        // An id of another epoch cannot be resumed from: say so, and start from the state.
        if (after === null) return await channel.join(subscriber, undefined, { recovered: false })
        return await channel.join(subscriber, after, {})
      } catch (error) {
        this.#options.logger.warn({ err: error, attempt }, 'a connection could not read its state')
        if (attempt === JOIN_ATTEMPTS) break
        await new Promise((resolve) => setTimeout(resolve, RETRY_JOIN))
      }
    }
    if (subscriber.isGone) return
    const message = 'the ledger cannot be read now'
    this.#meter.cuts.add('unavailable')
    subscriber.sink.close({ code: 'unavailable', message, final: false })
  }

  /** The seq in an event's id; null when it is not of this database. */
  #seqOf(id: string): number | null {
    const { epoch } = this.#options.store
    if (!id.startsWith(`${epoch}:`)) return null
    const digits = id.slice(epoch.length + 1)
    return /^\d{1,15}$/.test(digits) ? Number(digits) : null
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

  #linkChanged(): void {
    this.#linkChanges += 1
    this.#reconciled = false
    this.#wake?.()
  }

  /** Reconciles after each loss of the link, and polls while it is not live. */
  async #followLink(): Promise<void> {
    const { bus, logger, pollEvery = 1500 } = this.#options
    while (!this.#closed) {
      const changes = this.#linkChanges
      const live = bus.link.state === 'live'
      if (!this.#reconciled) {
        try {
          await this.#compareAll()
          if (live && changes === this.#linkChanges) this.#reconciled = true
        } catch (error) {
          logger.warn({ err: error }, 'could not compare the streams with the ledger; trying again')
        }
      }
      if (changes !== this.#linkChanges) continue
      await this.#pause(this.#reconciled ? undefined : pollEvery)
    }
  }

  async #compareAll(): Promise<void> {
    const channels = [...this.#channels.values()]
    for (let from = 0; from < channels.length; from += BATCH) {
      const batch = channels.slice(from, from + BATCH).filter(({ members }) => members > 0)
      const lasts = batch.map(({ last }) => last)
      const heads = await this.#options.store.heads(batch.map(({ who }) => who))
      await Promise.all(batch.map((channel, i) => channel.reconcile(heads[i] ?? 0, lasts[i] ?? 0)))
    }
  }

  /** Until the link changes, or the time is over. */
  #pause(milliseconds: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Neither part can hold a line end. */
function channelKey(tenant: string, userId: string): string {
  return `${tenant}\n${userId}`
}
