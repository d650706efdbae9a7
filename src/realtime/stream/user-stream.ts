import type { Logger } from 'pino'
import type { UserRef } from '../../ledger/event.ts'
import type { EventStore } from '../../ledger/event-store.ts'
import type { LogBudget } from '../../lib/log-limits.ts'
import type { StreamMeter } from '../metrics.ts'
import type { Backpressure } from './backpressure.ts'
import type { DeliveryTracer } from './delivery-tracer.ts'
import { isPruned, readPage } from './event-page.ts'
import { type EventFrame, fromLedger } from './frame.ts'
import { type JoinNote, LOST, type Subscriber } from './subscriber.ts'

/** Brings connections of a stream that are no longer live back to its newest state. */
export interface Rejoining {
  rejoin(stream: UserStream, subscriber: Subscriber, note: JoinNote): void
  /** Waits until the client has read what is queued. */
  rejoinOnceRead(stream: UserStream, subscriber: Subscriber): void
}

/** What all channels of a hub share. */
export interface StreamContext {
  store: EventStore
  drains: Backpressure
  joins: Rejoining
  logger: Logger
  broadcasts: LogBudget
  meter: StreamMeter
  tracer: DeliveryTracer | undefined
}

/** Messages often overtake each other by a hair: a hole gets this long, in milliseconds, to fill itself. */
const GRACE = 20

/** Events kept aside while a hole is open; what does not fit is read from Postgres. */
const MOST_PENDING = 64

/**
 * One connected user's stream on this process: puts events in order, drops repeats, fills holes from
 * Postgres. New connections are brought up to where the live ones stand by `Joins`.
 */
export class UserStream {
  readonly who: UserRef
  /** Connections in any state: at none, the hub forgets the channel. */
  members = 0
  readonly #context: StreamContext
  #live: Subscriber[] = []
  /** The seq that all live connections have. Means nothing while there is none. */
  #last = 0
  /** The greatest seq known to be committed. */
  #newest = 0
  #pending: Map<number, EventFrame> | undefined
  #repair: Promise<void> | undefined

  constructor(who: UserRef, context: StreamContext) {
    this.who = who
    this.#context = context
  }

  /** What was last delivered; for comparing with the ledger. */
  get last(): number {
    return this.#live.length > 0 ? this.#last : 0
  }

  /** An event from the bus, in any order, any number of times. */
  receive(event: EventFrame): void {
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

  /** The seq that a joining connection must have before it goes live. */
  get target(): number {
    return this.#live.length > 0 ? this.#last : this.#newest
  }

  /** The ledger was found to reach to `head`. */
  committed(head: number): void {
    if (head > this.#newest) this.#newest = head
  }

  /** The ledger ends at `head`, before `target`: somebody announced, or even delivered, what it does not have. */
  disproved(target: number, head: number): void {
    if (this.#newest === target) this.#newest = head
    if (this.#live.length > 0 && this.#last >= target) this.#restart()
  }

  /** Only in the turn in which the connection was found to have all that is up to `target`. */
  goLive(subscriber: Subscriber): void {
    if (this.#live.length === 0) this.#last = subscriber.position
    subscriber.state = 'live'
    this.#live.push(subscriber)
  }

  /** Leaves the list of the live ones as it is: an event may be on its way through it just now. */
  leave(subscriber: Subscriber): void {
    this.#live = this.#live.filter((one) => one !== subscriber)
    if (this.#live.length === 0) this.#pending = undefined
  }

  /** Hands it over, unless the connection has it. */
  give(subscriber: Subscriber, event: EventFrame): void {
    if (event.seq <= subscriber.position) return
    subscriber.position = event.seq
    this.#context.meter.delivered += 1
    subscriber.sink.write(event)
  }

  #deliver(event: EventFrame): void {
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
      this.give(subscriber, event)
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

  #setAsideLagging(): void {
    const lagging = this.#live.filter(({ state }) => state === 'lagging')
    this.#live = this.#live.filter(({ state }) => state === 'live')
    for (const subscriber of lagging) this.#context.joins.rejoinOnceRead(this, subscriber)
  }

  /** The ledger went back in time (a restored database): everyone starts from its state. */
  #restart(): void {
    const all = this.#live
    this.#live = []
    this.#pending = undefined
    this.#newest = 0
    for (const subscriber of all) this.#context.joins.rejoin(this, subscriber, LOST)
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
      const read = await readPage(this.#context, this.who, this.#last)
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
}

/** For the log. */
function balanceIn(event: EventFrame): unknown {
  return (event.payload as { newBalance?: unknown }).newBalance
}
