import type { Logger } from 'pino'
import type { UserRef } from '../../ledger/event.ts'
import type { HoldStore } from '../../ledger/event-store.ts'
import { type EventStores, oneStore } from '../../ledger/event-stores.ts'
import { sleep } from '../../lib/timeout.ts'
import type { Bus } from '../bus/bus.ts'
import type { StreamMeter } from '../metrics.ts'
import { type EventFrame, Frame, fromLedger } from './frame.ts'
import { RETRY_MS } from './history.ts'
import { streamKey } from './hub.ts'
import { Members } from './members.ts'
import {
  Backpressure,
  type CloseReason,
  DEFAULT_BOUNDS,
  type QueueBounds,
  type Sink,
  Subscriber,
} from './subscriber.ts'

export interface ServiceStreamsOptions {
  bus: Bus
  store: HoldStore
  /** Of all databases. Default: `store`, for every tenant. */
  stores?: EventStores<HoldStore> | undefined
  logger: Logger
  meter: StreamMeter
  bounds?: Partial<QueueBounds> | undefined
  /** Postgres is polled this often while the bus is not live. Default 1500. */
  pollEveryMs?: number | undefined
}

/** Holds that are read at a time. The first state has as many; the others follow as events. */
const PAGE_SIZE = 500

/** A first state that cannot be read is tried this often before the client is asked to connect again later. */
const JOIN_ATTEMPTS = 10

/** Events that a connection remembers, so that it gets none twice. */
const MAX_SENT = 10_000

const UNAVAILABLE: CloseReason = {
  code: 'unavailable',
  message: 'The ledger cannot be read right now.',
  final: false,
}

/** A service's connection. Live events wait while its state is read. */
interface Member {
  subscriber: Subscriber
  /** Undefined while no state is being read. */
  waiting: EventFrame[] | undefined
  /** `<user>\n<id>` of the events that it has, oldest first. */
  sent: Set<string>
}

/**
 * The streams of services: what happens to the holds that a service opened for users. The events are those of the
 * users' own streams, so no row is locked for a service. A stream is complete by state: a new connection, and every
 * connection after a loss of the bus, gets the open holds that are exhausted or expire soon from Postgres.
 */
export class ServiceStreams {
  readonly #options: ServiceStreamsOptions
  readonly #stores: EventStores<HoldStore>
  readonly #members: Members<Member>
  readonly #backpressure: Backpressure
  readonly #stopListening: () => void
  readonly #timer: NodeJS.Timeout

  constructor(options: ServiceStreamsOptions) {
    this.#options = options
    const { bus, meter, pollEveryMs = 1500 } = options
    this.#stores = options.stores ?? oneStore(options.store)
    this.#members = new Members(bus)
    this.#backpressure = new Backpressure({ ...DEFAULT_BOUNDS, ...options.bounds }, meter)
    this.#stopListening = bus.listen({
      message: () => {},
      link: (link) => {
        if (link.state === 'live') this.#compareAll()
      },
    })
    this.#timer = setInterval(() => {
      if (bus.link.state !== 'live') this.#compareAll()
    }, pollEveryMs)
    this.#timer.unref()
  }

  /** Sends the service's state to `sink`, and then every new event of its holds. */
  subscribe(service: UserRef, sink: Sink, { currency }: { currency: string }): Subscriber {
    const subscriber = new Subscriber(sink, currency)
    const member: Member = { subscriber, waiting: [], sent: new Set() }
    this.#members.add(streamKey(service), member)
    void this.#bring(service, member)
    return subscriber
  }

  /** Ends a subscription. A second call does nothing. */
  unsubscribe(service: UserRef, subscriber: Subscriber): void {
    this.#members.remove(streamKey(service), subscriber)
  }

  isFull(subscriber: Subscriber): boolean {
    return this.#backpressure.isFull(subscriber)
  }

  get isEmpty(): boolean {
    return this.#members.isEmpty
  }

  /** An event of any user. */
  receive(event: EventFrame): void {
    if (event.service === undefined) return
    const service = { tenant: event.tenant, userId: event.service }
    for (const member of this.#members.of(streamKey(service)) ?? []) {
      if (!member.waiting) this.#deliver(service, member, event)
      // Beyond this many, the state is read once more.
      else if (member.waiting.length <= PAGE_SIZE) member.waiting.push(event)
    }
  }

  close(): void {
    this.#stopListening()
    clearInterval(this.#timer)
  }

  #compareAll(): void {
    for (const [key, member] of this.#members.all()) this.#compare(serviceOf(key), member)
  }

  /** Sends what a connection may have missed. */
  #compare(service: UserRef, member: Member): void {
    if (member.waiting || member.subscriber.state === 'lagging') return
    member.waiting = []
    void this.#bring(service, member)
  }

  /** Reads the state until it was read once without a failure, then sends the events that waited meanwhile. */
  async #bring(service: UserRef, member: Member): Promise<void> {
    const { subscriber } = member
    // What comes between the read and the subscription would be missed.
    if (this.#members.ready) await this.#members.ready
    for (let attempt = 1; !subscriber.isClosed; attempt++) {
      try {
        await this.#sendState(service, member)
      } catch (error) {
        const { logger, meter } = this.#options
        logger.warn({ err: error }, 'the holds of a service could not be read; trying again')
        if (!subscriber.hasBegun && attempt === JOIN_ATTEMPTS) {
          meter.cuts.add(UNAVAILABLE.code)
          subscriber.sink.close(UNAVAILABLE)
          return
        }
        await sleep(RETRY_MS)
        continue
      }
      const waiting = member.waiting ?? []
      member.waiting = waiting.length > PAGE_SIZE ? [] : undefined
      for (const event of waiting) this.#deliver(service, member, event)
      if (!member.waiting) return
    }
  }

  async #sendState(service: UserRef, member: Member): Promise<void> {
    const store = this.#stores.of(service.tenant)
    const { subscriber } = member
    for (let after: string | null = null; ; ) {
      const { events, next } = await store.toldHolds(service, after, PAGE_SIZE)
      if (subscriber.isClosed) return
      const frames = events.map((event) => fromLedger(event, store.epoch))
      if (!subscriber.hasBegun) {
        for (const frame of frames) remember(member, frame)
        const holds = frames.map((frame) => ({ event: frame.event, ...payloadOf(frame) }))
        subscriber.sink.write(new Frame('service_initial', { holds }))
        subscriber.begin()
      } else {
        for (const frame of frames) this.#deliver(service, member, frame)
      }
      if (next === null) return
      after = next
    }
  }

  #deliver(service: UserRef, member: Member, event: EventFrame): void {
    const { subscriber } = member
    // What a full connection misses is in the state that it gets once it was read.
    if (subscriber.isClosed || subscriber.state === 'lagging' || !remember(member, event)) return
    subscriber.sink.write(new Frame(event.event, payloadOf(event)))
    if (!this.isFull(subscriber)) return
    subscriber.state = 'lagging'
    void this.#backpressure.drained(subscriber).then((drained) => {
      if (!drained) return
      subscriber.state = 'live'
      this.#compare(service, member)
    })
  }
}

/** Whether the connection did not have the event before. */
function remember({ sent }: Member, event: EventFrame): boolean {
  const key = `${event.userId}\n${event.seq}`
  if (sent.has(key)) return false
  sent.add(key)
  const [oldest] = sent
  if (sent.size > MAX_SENT && oldest !== undefined) sent.delete(oldest)
  return true
}

const payloadOf = (event: EventFrame) => ({ userId: event.userId, ...event.payload })

function serviceOf(key: string): UserRef {
  const [tenant = '', userId = ''] = key.split('\n')
  return { tenant, userId }
}
