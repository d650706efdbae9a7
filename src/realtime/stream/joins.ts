import type { Logger } from 'pino'
import { eventId } from '../../ledger/event.ts'
import type { EventStore } from '../../ledger/event-store.ts'
import { toWire } from '../../ledger/money.ts'
import type { StreamMeter } from '../metrics.ts'
import type { Backpressure } from './backpressure.ts'
import { isPruned, PAGE, RETRY, readPage } from './event-page.ts'
import { Frame, fromLedger } from './frame.ts'
import { type JoinNote, LOST, type Subscriber } from './subscriber.ts'
import type { Rejoining, UserStream } from './user-stream.ts'

export interface JoinsOptions {
  store: EventStore
  drains: Backpressure
  logger: Logger
  meter: StreamMeter
}

/** Joins that failed are tried this often, `RETRY_JOIN` milliseconds apart, before the client is sent away. */
const JOIN_ATTEMPTS = 10
const RETRY_JOIN = 500

/**
 * Brings connections up to where the live ones of their channel stand: those that come, and those that
 * have to begin again.
 */
export class Joins implements Rejoining {
  readonly #options: JoinsOptions

  constructor(options: JoinsOptions) {
    this.#options = options
  }

  /**
   * A new connection joins; when its state cannot be read for long, it is sent away.
   * @param lastEventId `<epoch>:<seq>` of the last event that the client has
   */
  async begin(channel: UserStream, subscriber: Subscriber, lastEventId?: string): Promise<void> {
    const after = lastEventId === undefined ? undefined : this.#seqOf(lastEventId)
    for (let attempt = 1; !subscriber.isGone; attempt++) {
      try {
        // An id of another epoch cannot be resumed from: say so, and start from the state.
        if (after === null) return await this.#join(channel, subscriber, undefined, LOST)
        return await this.#join(channel, subscriber, after, {})
      } catch (error) {
        this.#options.logger.warn({ err: error, attempt }, 'a connection could not read its state')
        if (attempt === JOIN_ATTEMPTS) break
        await new Promise((resolve) => setTimeout(resolve, RETRY_JOIN))
      }
    }
    if (subscriber.isGone) return
    const message = 'The ledger cannot be read right now.'
    this.#options.meter.cuts.add('unavailable')
    subscriber.sink.close({ code: 'unavailable', message, final: false })
  }

  /** A full connection misses what happens until it is read, and then gets the newest state instead. */
  rejoinOnceRead(channel: UserStream, subscriber: Subscriber): void {
    void this.#options.drains.drained(subscriber).then((drained) => {
      if (drained) this.rejoin(channel, subscriber, { recovered: false, conflated: true })
    })
  }

  /** A connection that is not live any more begins again, from the newest state. */
  rejoin(channel: UserStream, subscriber: Subscriber, note: JoinNote): void {
    subscriber.state = 'joining'
    this.#join(channel, subscriber, undefined, note).catch((error) => {
      this.#options.logger.warn({ err: error }, 'could not read the state of a stream')
      if (subscriber.isGone) return
      setTimeout(
        () => subscriber.state === 'joining' && this.rejoin(channel, subscriber, note),
        RETRY,
      )
    })
  }

  /** The seq in an event's id; null when it is not of this database. */
  #seqOf(id: string): number | null {
    const { epoch } = this.#options.store
    if (!id.startsWith(`${epoch}:`)) return null
    const digits = id.slice(epoch.length + 1)
    return /^\d{1,15}$/.test(digits) ? Number(digits) : null
  }

  /**
   * Sends the state, then every event after `after`, then whatever happens. No event falls between
   * history and live: it goes live only in the same turn in which it is found to miss nothing.
   * @param after the seq to resume from; undefined: from now
   */
  async #join(
    channel: UserStream,
    subscriber: Subscriber,
    after: number | undefined,
    note: JoinNote,
  ): Promise<void> {
    const { store, meter } = this.#options
    const [balance, page] = await Promise.all([
      store.balance(channel.who, subscriber.currency),
      after === undefined ? undefined : store.eventsAfter(channel.who, after, PAGE),
    ])
    if (subscriber.isGone) return
    if (page) channel.committed(page.head)
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
    subscriber.begin()
    this.#countJoin(resumed, after, note)
    if (resumed) {
      for (const event of page.events) channel.give(subscriber, fromLedger(event, store.epoch))
      meter.replayed += page.events.length
    }
    await this.#catchUp(channel, subscriber)
  }

  #countJoin(resumed: boolean, after: number | undefined, note: JoinNote): void {
    const { meter } = this.#options
    if (resumed) meter.resumed += 1
    else if (note.conflated) meter.conflated += 1
    else if (after !== undefined || note.recovered === false) meter.notResumed += 1
  }

  async #catchUp(channel: UserStream, subscriber: Subscriber): Promise<void> {
    const { store, drains } = this.#options
    for (;;) {
      if (drains.isFull(subscriber) && !(await drains.drained(subscriber))) return
      if (subscriber.isGone) return
      const { target } = channel
      if (subscriber.position >= target) return channel.goLive(subscriber)
      const read = await readPage(this.#options, channel.who, subscriber.position)
      if (subscriber.isGone) return
      if (!read) continue
      const { head, events } = read
      channel.committed(head)
      // The rest was pruned while it was being read.
      if (isPruned(read, subscriber.position)) {
        return this.#join(channel, subscriber, undefined, LOST)
      }
      for (const event of events) {
        channel.give(subscriber, fromLedger(event, store.epoch))
      }
      if (events.length === 0) channel.disproved(target, head)
    }
  }
}
