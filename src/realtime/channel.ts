import type { Logger } from 'pino'
import { eventId, type Who } from '../ledger/event.ts'
import type { EventStore } from '../ledger/event-store.ts'
import { toWire } from '../ledger/money.ts'
import type { LogBudget } from '../log-budget.ts'
import type { Drains } from './drains.ts'
import { Frame } from './frame.ts'
import type { StreamMeter } from './meter.ts'
import { fromLedger, type StreamEvent } from './stream-event.ts'
import type { Subscriber } from './subscriber.ts'

/** What all channels of a hub share. */
export interface ChannelContext {
  store: EventStore
  drains: Drains
  logger: Logger
  broadcasts: LogBudget
  meter: StreamMeter
  tracer: DeliveryTracer | undefined
}

/** Follows an event from the request that caused it to the connections. */
export interface DeliveryTracer {
  /** An event with a `traceparent` is handed to so many connections; the answer is called when it was. */
  delivering(event: StreamEvent, connections: number): () => void
}

/** Events read from Postgres at a time. */
const PAGE = 200

/** Messages often overtake each other by a hair: a hole gets this long, in milliseconds, to fill itself. */
const GRACE = 20

/** Events kept aside while a hole is open; what does not fit is read from Postgres. */
const MOST_PENDING = 64

type EventPage = Awaited<ReturnType<EventStore['eventsAfter']>>

/** Milliseconds before a failed read of Postgres is tried again. */
const RETRY = 500

/** What a joining connection is told, beside its balance. */
type JoinNote = { recovered?: boolean; conflated?: boolean }

/**
 * One connected user's stream on this process: puts events in order, drops repeats, fills holes from
 * Postgres, and brings new connections up to where the live ones stand.
 */
export class Channel {
  readonly who: Who
  /** Connections in any state: at none, the hub forgets the channel. */
  members = 0
  readonly #context: ChannelContext
  #live: Subscriber[] = []
  /** The seq that all live connections have. Means nothing while there is none. */
  #last = 0
  /** The greatest seq known to be committed. */
  #newest = 0
  #pending: Map<number, StreamEvent> | undefined
  #repair: Promise<void> | undefined

  constructor(who: Who, context: ChannelContext) {
    this.who = who
    this.#context = context
  }

  /** What was last delivered; for comparing with the ledger. */
  get last(): number {
    return this.#live.length > 0 ? this.#last : 0
  }

  /** An event from the bus, in any order, any number of times. */
  receive(event: StreamEvent): void {
    if (event.seq > this.#newest) this.#newest = event.seq
    // Connections that are joining read it from Postgres: it was committed before it was published.
    if (this.#live.length === 0 || event.seq <= this.#last) return
    if (event.seq === this.#last + 1) {
      this.#deliver(event)
      this.#deliverPending()
      return
    }
    this.#pending ??= new Map()
    if (this.#pending.size < MOST_PENDING) this.#pending.set(event.seq, event)
    void this.#repaired(GRACE)
  }

  /**
   * Compares with what Postgres says, and delivers what was missed.
   * @param head the newest seq in the ledger, read after `lastBefore` was taken from `last`
   */
  async reconcile(head: number, lastBefore: number): Promise<void> {
    if (head < lastBefore && this.#last >= lastBefore) this.#restart()
    if (head > this.#newest) this.#newest = head
    if (this.#live.length > 0 && this.#last < this.#newest) await this.#repaired(0)
  }

  /**
   * Sends the state, then every event after `after`, then whatever happens. No event falls between
   * history and live: it goes live only in the same turn in which it is found to miss nothing.
   * @param after the seq to resume from; undefined: from now
   */
  async join(subscriber: Subscriber, after: number | undefined, note: JoinNote): Promise<void> {
    const { store } = this.#context
    const [balance, page] = await Promise.all([
      store.balance(this.who, subscriber.currency),
      after === undefined ? undefined : store.eventsAfter(this.who, after, PAGE),
    ])
    if (subscriber.isGone) return
    if (page && page.head > this.#newest) this.#newest = page.head
    const resumed =
      after !== undefined &&
      page !== undefined &&
      (page.head === after || page.events[0]?.seq === after + 1)
    subscriber.position = resumed ? after : balance.seq
    const { currency } = balance
    const { position } = subscriber
    const state = {
      balance: toWire(balance.balance, currency),
      currency,
      id: eventId(store.epoch, position),
      seq: position,
      ...(resumed
        ? { recovered: true, replay: Math.max(0, balance.seq - position) }
        : after === undefined
          ? note
          : { ...note, recovered: false }),
    }
    subscriber.sink.write(new Frame('balance_initial', state, state.id))
    this.#countJoin(resumed, after, note)
    if (resumed) {
      for (const event of page.events) this.#give(subscriber, fromLedger(event, store.epoch))
      this.#context.meter.replayed += page.events.length
    }
    await this.#catchUp(subscriber)
  }

  /** Leaves the list of the live ones as it is: an event may be on its way through it just now. */
  leave(subscriber: Subscriber): void {
    this.#live = this.#live.filter((one) => one !== subscriber)
    if (this.#live.length === 0) this.#pending = undefined
  }

  #countJoin(resumed: boolean, after: number | undefined, note: JoinNote): void {
    const { meter } = this.#context
    if (resumed) meter.resumed += 1
    else if (note.conflated) meter.conflated += 1
    else if (after !== undefined || note.recovered === false) meter.notResumed += 1
  }

  async #catchUp(subscriber: Subscriber): Promise<void> {
    const { store, drains } = this.#context
    for (;;) {
      if (drains.isFull(subscriber) && !(await drains.drained(subscriber))) return
      if (subscriber.isGone) return
      const target = this.#live.length > 0 ? this.#last : this.#newest
      if (subscriber.position >= target) return this.#goLive(subscriber)
      const read = await this.#eventsAfter(subscriber.position)
      if (subscriber.isGone) return
      if (!read) continue
      const { head, events } = read
      if (head > this.#newest) this.#newest = head
      // The rest was pruned while it was being read.
      if (isPruned(read, subscriber.position)) return this.join(subscriber, undefined, LOST)
      for (const event of events) {
        this.#give(subscriber, fromLedger(event, store.epoch))
      }
      if (events.length > 0) continue
      // Somebody announced, or even delivered, what the ledger does not have.
      if (this.#newest === target) this.#newest = head
      if (this.#live.length > 0 && this.#last >= target) this.#restart()
    }
  }

  #goLive(subscriber: Subscriber): void {
    if (this.#live.length === 0) this.#last = subscriber.position
    subscriber.state = 'live'
    this.#live.push(subscriber)
  }

  #give(subscriber: Subscriber, event: StreamEvent): void {
    if (event.seq <= subscriber.position) return
    subscriber.position = event.seq
    this.#context.meter.delivered += 1
    subscriber.sink.write(event.frame)
  }

  #deliver(event: StreamEvent): void {
    this.#last = event.seq
    if (event.event === 'balance_updated') {
      this.#context.broadcasts.info(
        () =>
          `[BalanceGateway] Broadcasting balance update to user ${event.userId}: ${balanceIn(event)}`,
      )
    }
    const end = event.traceparent
      ? this.#context.tracer?.delivering(event, this.#live.length)
      : undefined
    let full = false
    for (const subscriber of this.#live) {
      this.#give(subscriber, event)
      if (!subscriber.isGone && this.#context.drains.isFull(subscriber)) {
        subscriber.state = 'lagging'
        full = true
      }
    }
    end?.()
    if (full) this.#setAsideLagging()
  }

  #deliverPending(): void {
    const pending = this.#pending
    if (!pending) return
    for (const seq of pending.keys()) if (seq <= this.#last) pending.delete(seq)
    for (;;) {
      const next = pending.get(this.#last + 1)
      if (!next) break
      pending.delete(next.seq)
      this.#deliver(next)
    }
    if (pending.size === 0) this.#pending = undefined
  }

  /** A full connection misses what happens until it is read, and then gets the newest state instead. */
  #setAsideLagging(): void {
    const lagging = this.#live.filter(({ state }) => state === 'lagging')
    this.#live = this.#live.filter(({ state }) => state === 'live')
    for (const subscriber of lagging) {
      void this.#context.drains.drained(subscriber).then((drained) => {
        if (drained) this.#rejoin(subscriber, { recovered: false, conflated: true })
      })
    }
  }

  /** The ledger went back in time (a restored database): everyone starts from its state. */
  #restart(): void {
    const all = this.#live
    this.#live = []
    this.#pending = undefined
    this.#newest = 0
    for (const subscriber of all) this.#rejoin(subscriber, LOST)
  }

  #rejoin(subscriber: Subscriber, note: JoinNote): void {
    subscriber.state = 'joining'
    this.join(subscriber, undefined, note).catch((error) => {
      this.#context.logger.warn({ err: error }, 'could not read the state of a stream')
      if (subscriber.isGone) return
      setTimeout(() => subscriber.state === 'joining' && this.#rejoin(subscriber, note), RETRY)
    })
  }

  #repaired(grace: number): Promise<void> {
    this.#repair ??= this.#fillHole(grace).finally(() => {
      this.#repair = undefined
    })
    return this.#repair
  }

  async #fillHole(grace: number): Promise<void> {
    const { store, logger, meter } = this.#context
    if (grace > 0) await new Promise((resolve) => setTimeout(resolve, grace))
    while (this.#live.length > 0 && this.#last < this.#newest) {
      const newest = this.#newest
      const read = await this.#eventsAfter(this.#last)
      if (!read || this.#live.length === 0) continue
      if (isPruned(read, this.#last)) return this.#restart()
      if (read.events.length > 0) meter.repaired += 1
      for (const event of read.events) {
        if (event.seq === this.#last + 1) this.#deliver(fromLedger(event, store.epoch))
      }
      this.#deliverPending()
      if (read.events.length === 0 && read.head < newest && this.#newest === newest) {
        logger.warn({ seq: newest }, 'an event was announced that the ledger does not have')
        this.#newest = this.#last
        this.#pending = undefined
      }
    }
  }

  /** One page; undefined, after a while, when Postgres cannot be read: ask again. */
  async #eventsAfter(after: number): Promise<EventPage | undefined> {
    try {
      return await this.#context.store.eventsAfter(this.who, after, PAGE)
    } catch (error) {
      this.#context.logger.warn({ err: error }, 'a stream could not be read; trying again')
      await new Promise((resolve) => setTimeout(resolve, RETRY))
      return undefined
    }
  }
}

const LOST: JoinNote = { recovered: false }

/** For the log. */
function balanceIn({ frame }: StreamEvent): unknown {
  return (frame.payload as { newBalance?: unknown }).newBalance
}

/** Whether what follows `after` is not there any more, or not all of it. */
function isPruned({ head, events }: EventPage, after: number): boolean {
  const [first] = events
  return first === undefined ? head > after : first.seq > after + 1
}
