import type { Logger } from 'pino'
import type { UserRef } from '../../ledger/event.ts'
import type { EventStore } from '../../ledger/event-store.ts'
import type { LogBudget } from '../../lib/log-limits.ts'
import { sleep } from '../../lib/timeout.ts'
import type { Bus } from '../bus/bus.ts'
import type { Following } from '../bus/shards.ts'
import type { StreamMeter } from '../metrics.ts'
import { type EventFrame, fromLedger } from './frame.ts'
import {
  FIRST_PAGE_SIZE,
  isPruned,
  type JoinNote,
  NOT_RECOVERED,
  RETRY_MS,
  readPage,
  recentStart,
  type StartState,
  seqIn,
  startOf,
} from './history.ts'
import type { Backpressure, Subscriber } from './subscriber.ts'

/** Follows an event from the request that caused it to the connections. */
export interface DeliveryTracer {
  /** An event with a `traceparent` is written to so many connections. Call the returned function afterwards. */
  delivering(event: EventFrame, connections: number): () => void
}

/** Shared by all streams of a hub whose tenants live in the same database. */
export interface StreamContext {
  bus: Pick<Bus, 'recentEvents' | 'follow'>
  store: EventStore
  backpressure: Backpressure
  logger: Logger
  broadcastLog: LogBudget
  meter: StreamMeter
  tracer: DeliveryTracer | undefined
}

/** Messages may overtake each other slightly, so a hole may fill itself within this time. */
const GRACE_MS = 20

/** Events kept while a hole is open. Further ones are read from Postgres. */
const MAX_PENDING = 64

/** A join that fails is tried this often before the client is asked to connect again later. */
const JOIN_ATTEMPTS = 10

/**
 * The stream of one connected user on this process. Events come from the bus in any order and any number
 * of times. The stream orders them, drops repeats and fills holes from Postgres. A connection joins from
 * Postgres and goes live in the same turn in which it is found to miss nothing.
 */
export class UserStream {
  readonly user: UserRef
  /** Connections in any state. Without any, the hub drops the stream. */
  members = 0
  readonly #context: StreamContext
  readonly #following: Following
  #live: Subscriber[] = []
  /** The seq that all live connections have. Meaningless while there are none. */
  #last = 0
  /** The greatest seq known to be committed. */
  #newest = 0
  /** Events after a hole, by seq. */
  #pending: Map<number, EventFrame> | undefined
  #repairing: Promise<void> | undefined

  constructor(user: UserRef, context: StreamContext) {
    this.user = user
    this.#context = context
    this.#following = context.bus.follow(user)
  }

  /** Call it when no connection is left. */
  close(): void {
    this.#following.release()
  }

  /** The events of the database that the user's tenant lives in. */
  get store(): EventStore {
    return this.#context.store
  }

  /** The seq of the last delivered event, for the comparison with the ledger; 0 without live connections. */
  get last(): number {
    return this.#live.length > 0 ? this.#last : 0
  }

  receive(event: EventFrame): void {
    this.#noteHead(event.seq)
    // Joining connections read the event from Postgres: it was committed before it was published.
    if (this.#live.length === 0 || event.seq <= this.#last) return
    if (event.seq === this.#last + 1) {
      this.#broadcast(event)
      this.#broadcastPending()
      return
    }
    this.#pending ??= new Map()
    if (this.#pending.size < MAX_PENDING) this.#pending.set(event.seq, event)
    void this.#repair(GRACE_MS)
  }

  /**
   * Compares with Postgres and delivers the missed events.
   * @param head the newest seq in the ledger, read after `lastBefore` was taken from `last`
   */
  async reconcile(head: number, lastBefore: number): Promise<void> {
    if (head < lastBefore && this.#last >= lastBefore) this.#restart()
    this.#noteHead(head)
    if (this.#live.length > 0 && this.#last < this.#newest) await this.#repair(0)
  }

  /**
   * Brings a new connection up to the live ones. If its state cannot be read for long, closes it.
   * @param lastEventId `<epoch>:<seq>` of the last event that the client has
   */
  async join(subscriber: Subscriber, lastEventId?: string): Promise<void> {
    const { store, logger, meter } = this.#context
    const after = lastEventId === undefined ? undefined : seqIn(lastEventId, store.epoch)
    // An event between the read and the subscription would be missed.
    if (this.#following.ready) await this.#following.ready
    for (let attempt = 1; !subscriber.isClosed; attempt++) {
      try {
        // A client cannot resume from an id of another epoch: it starts from the balance.
        if (after === null) return await this.#begin(subscriber, NOT_RECOVERED)
        return await this.#begin(subscriber, {}, after)
      } catch (error) {
        logger.warn({ err: error, attempt }, 'a connection could not read its state')
        if (attempt === JOIN_ATTEMPTS) break
        await sleep(RETRY_MS)
      }
    }
    if (subscriber.isClosed) return
    const message = 'The ledger cannot be read right now.'
    meter.cuts.add('unavailable')
    subscriber.sink.close({ code: 'unavailable', message, final: false })
  }

  /** Replaces the list of live connections, because a broadcast may be iterating over the old one. */
  leave(subscriber: Subscriber): void {
    this.#live = this.#live.filter((other) => other !== subscriber)
    if (this.#live.length === 0) this.#pending = undefined
  }

  /**
   * Sends the balance, then all events after `after`, and then goes live.
   * @param after the seq to resume from; undefined: from now on
   */
  async #begin(subscriber: Subscriber, note: JoinNote, after?: number): Promise<void> {
    const { store, meter } = this.#context
    const { balance, page } = await this.#readStart(subscriber.currency, after)
    if (subscriber.isClosed) return
    if (page) this.#noteHead(page.head)
    const { position, frame, outcome } = startOf(store.epoch, balance, note, after, page)
    subscriber.position = position
    subscriber.dropWaiting()
    subscriber.sink.write(frame)
    subscriber.begin()
    if (outcome !== 'fresh') meter[outcome] += 1
    if (page && outcome === 'resumed') {
      for (const event of page.events) this.#deliver(subscriber, event)
      meter.replayed += page.events.length
    }
    await this.#catchUp(subscriber)
  }

  /** From the bus, so that thousands who connect together ask Postgres nothing; else from Postgres. */
  async #readStart(currency: string, after: number | undefined): Promise<StartState> {
    const { bus, store, meter } = this.#context
    const recent = await recentStart(bus, store.epoch, { user: this.user, currency, after })
    if (recent) {
      meter.startsFromBus += 1
      return recent
    }
    const [balance, page] = await Promise.all([
      store.balance(this.user, currency),
      after === undefined ? undefined : store.eventsAfter(this.user, after, FIRST_PAGE_SIZE),
    ])
    const events = page?.events.map((event) => fromLedger(event, store.epoch))
    return { balance, page: page && { head: page.head, events: events ?? [] } }
  }

  async #catchUp(subscriber: Subscriber): Promise<void> {
    const { store, backpressure } = this.#context
    for (;;) {
      if (backpressure.isFull(subscriber) && !(await backpressure.drained(subscriber))) return
      if (subscriber.isClosed) return
      const target = this.#live.length > 0 ? this.#last : this.#newest
      if (subscriber.position >= target) return this.#goLive(subscriber)
      const page = await readPage(this.#context, this.user, subscriber.position)
      if (subscriber.isClosed) return
      if (!page) continue
      this.#noteHead(page.head)
      // The events were deleted during the reads.
      if (isPruned(page, subscriber.position)) return this.#begin(subscriber, NOT_RECOVERED)
      for (const event of page.events) this.#deliver(subscriber, fromLedger(event, store.epoch))
      if (page.events.length === 0) this.#truncateTo(page.head, target)
    }
  }

  /** Only in the turn in which the connection was found to have every event up to the target. */
  #goLive(subscriber: Subscriber): void {
    if (this.#live.length === 0) this.#last = subscriber.position
    subscriber.state = 'live'
    this.#live.push(subscriber)
  }

  /** Starts a connection that is not live any more again, from the newest balance. */
  async #rejoin(subscriber: Subscriber, note: JoinNote): Promise<void> {
    subscriber.state = 'joining'
    while (subscriber.state === 'joining') {
      try {
        return await this.#begin(subscriber, note)
      } catch (error) {
        this.#context.logger.warn({ err: error }, 'the state of a stream could not be read')
        if (!subscriber.isClosed) await sleep(RETRY_MS)
      }
    }
  }

  /** The ledger ends at `head`. Events up to `target` were announced or even delivered, but it does not have them. */
  #truncateTo(head: number, target: number): void {
    if (this.#newest === target) this.#newest = head
    if (this.#live.length > 0 && this.#last >= target) this.#restart()
  }

  /** The ledger went back in time, as a restored database does: all connections start from its state. */
  #restart(): void {
    const all = this.#live
    this.#live = []
    this.#pending = undefined
    this.#newest = 0
    for (const subscriber of all) void this.#rejoin(subscriber, NOT_RECOVERED)
  }

  #noteHead(seq: number): void {
    if (seq > this.#newest) this.#newest = seq
  }

  #deliver(subscriber: Subscriber, event: EventFrame): void {
    if (event.seq <= subscriber.position) return
    subscriber.position = event.seq
    this.#context.meter.delivered += 1
    subscriber.deliver(event)
  }

  #broadcast(event: EventFrame): void {
    const { backpressure, broadcastLog, tracer } = this.#context
    this.#last = event.seq
    if (event.event === 'balance_updated') broadcastLog.info(() => broadcastLine(event))
    const end = event.traceparent ? tracer?.delivering(event, this.#live.length) : undefined
    let anyFull = false
    for (const subscriber of this.#live) {
      this.#deliver(subscriber, event)
      if (!subscriber.isClosed && backpressure.isFull(subscriber)) {
        subscriber.state = 'lagging'
        anyFull = true
      }
    }
    end?.()
    if (anyFull) this.#setAsideLagging()
  }

  #broadcastPending(): void {
    const pending = this.#pending
    if (!pending) return
    for (const seq of pending.keys()) if (seq <= this.#last) pending.delete(seq)
    for (;;) {
      const next = pending.get(this.#last + 1)
      if (!next) break
      pending.delete(next.seq)
      this.#broadcast(next)
    }
    if (pending.size === 0) this.#pending = undefined
  }

  /** Connections with a full queue get nothing until it is read, and then the newest balance. */
  #setAsideLagging(): void {
    const lagging = this.#live.filter(({ state }) => state === 'lagging')
    this.#live = this.#live.filter(({ state }) => state === 'live')
    for (const subscriber of lagging) {
      void this.#context.backpressure.drained(subscriber).then((drained) => {
        if (drained) return this.#rejoin(subscriber, { recovered: false, conflated: true })
      })
    }
  }

  #repair(graceMs: number): Promise<void> {
    this.#repairing ??= this.#fillHole(graceMs).finally(() => {
      this.#repairing = undefined
    })
    return this.#repairing
  }

  async #fillHole(graceMs: number): Promise<void> {
    const { store, logger, meter } = this.#context
    if (graceMs > 0) await sleep(graceMs)
    while (this.#live.length > 0 && this.#last < this.#newest) {
      const newest = this.#newest
      const page = await readPage(this.#context, this.user, this.#last)
      if (!page || this.#live.length === 0) continue
      if (isPruned(page, this.#last)) return this.#restart()
      if (page.events.length > 0) meter.repaired += 1
      for (const event of page.events) {
        if (event.seq === this.#last + 1) this.#broadcast(fromLedger(event, store.epoch))
      }
      this.#broadcastPending()
      if (page.events.length === 0 && page.head < newest && this.#newest === newest) {
        logger.warn({ seq: newest }, 'an event was announced that the ledger does not have')
        this.#newest = this.#last
        this.#pending = undefined
      }
    }
  }
}

function broadcastLine(event: EventFrame): string {
  const { newBalance } = event.payload as { newBalance?: unknown }
  return `[BalanceGateway] Broadcasting balance update to user ${event.userId}: ${newBalance}`
}
