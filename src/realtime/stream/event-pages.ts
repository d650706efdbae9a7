import { eventId, type UserRef } from '../../ledger/event.ts'
import type { EventStore } from '../../ledger/event-store.ts'
import type { EventStores } from '../../ledger/event-stores.ts'
import type { Bus } from '../bus/bus.ts'
import { type EventFrame, fromLedger } from './frame.ts'
import { type FramePage, isPruned, recentPage, seqIn } from './history.ts'
import { type Hub, streamKey } from './hub.ts'

/** A part of a user's stream. */
export interface EventsPage {
  events: EventFrame[]
  /** The id to go on from: of the last event, or the one that was asked for. Null: there are no older events. */
  nextCursor: string | null
  /** False: events between the cursor and the first one here are not kept any more, or the database was replaced. */
  recovered: boolean
}

export interface EventPagesOptions {
  bus: Pick<Bus, 'recentEvents'>
  stores: EventStores<Pick<EventStore, 'epoch' | 'eventsAfter'>>
  hub: Pick<Hub, 'subscribe' | 'unsubscribe'>
  currency: string
  /** The server is about to stop: nobody waits for an event any more. */
  draining: () => boolean
}

/** Of one user in this process. Another request is answered at once. */
const MAX_WAITING = 4

const CHECK_EVERY_MS = 200

/** The same events as on the streams, in pages. */
export class EventPages {
  readonly #options: EventPagesOptions
  readonly #waiting = new Map<string, number>()

  constructor(options: EventPagesOptions) {
    this.#options = options
  }

  /**
   * The events after an id, oldest first. Without any, waits for the next one.
   * @param waitMs how long at most; 0: does not wait
   * @param signal ends the wait: the client left, and needs its place for another request
   */
  async after(
    user: UserRef,
    id: string,
    limit: number,
    waitMs = 0,
    signal?: AbortSignal,
  ): Promise<EventsPage> {
    const page = await this.#after(user, id, limit)
    if (page.events.length > 0 || !page.recovered || waitMs === 0) return page
    if (!(await this.#next(user, id, waitMs, signal))) return page
    return this.#after(user, id, limit)
  }

  /**
   * The events before an id, newest first.
   * @param id undefined: the newest
   */
  async before(user: UserRef, id: string | undefined, limit: number): Promise<EventsPage> {
    const store = this.#options.stores.of(user.tenant)
    const asked = id === undefined ? undefined : seqIn(id, store.epoch)
    const end = asked ?? (await this.#head(user)) + 1
    const from = Math.max(0, end - 1 - limit)
    const { events } = await this.#read(user, from, limit)
    const found = events.filter(({ seq }) => seq < end)
    const [oldest] = found
    const isLast = oldest === undefined || oldest.seq === 1 || found.length < limit
    return {
      events: found.toReversed(),
      nextCursor: isLast ? null : eventId(store.epoch, oldest.seq),
      // An id of another database says nothing about this one.
      recovered: asked !== null,
    }
  }

  async #after(user: UserRef, id: string, limit: number): Promise<EventsPage> {
    const store = this.#options.stores.of(user.tenant)
    const seq = seqIn(id, store.epoch)
    if (seq === null) {
      const newest = eventId(store.epoch, await this.#head(user))
      return { events: [], nextCursor: newest, recovered: false }
    }
    const page = await this.#read(user, seq, limit)
    // The ledger has fewer events than the client: it was restored from a backup.
    if (page.head < seq) {
      return { events: [], nextCursor: eventId(store.epoch, page.head), recovered: false }
    }
    const last = page.events.at(-1)
    return {
      events: page.events,
      nextCursor: last ? eventId(store.epoch, last.seq) : id,
      recovered: !isPruned(page, seq),
    }
  }

  async #head(user: UserRef): Promise<number> {
    return (await this.#read(user, undefined, 1)).head
  }

  /** @param after undefined: only the newest seq is wanted */
  async #read(user: UserRef, after: number | undefined, limit: number): Promise<FramePage> {
    const { bus, stores, currency } = this.#options
    const store = stores.of(user.tenant)
    const recent = await recentPage(bus, store.epoch, { user, currency, after })
    if (recent) return { head: recent.head, events: recent.events.slice(0, limit) }
    const page = await store.eventsAfter(user, after ?? Number.MAX_SAFE_INTEGER, limit)
    return { ...page, events: page.events.map((event) => fromLedger(event, store.epoch)) }
  }

  /** Whether an event after this id came in time. */
  async #next(
    user: UserRef,
    id: string,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { hub, currency, draining } = this.#options
    const key = streamKey(user)
    const others = this.#waiting.get(key) ?? 0
    if (others >= MAX_WAITING) return false
    this.#waiting.set(key, others + 1)
    let subscriber: ReturnType<Hub['subscribe']> | undefined
    const ends = performance.now() + waitMs
    try {
      return await new Promise<boolean>((resolve) => {
        const timer = setInterval(() => {
          if (signal?.aborted || draining() || performance.now() >= ends) end(false)
        }, CHECK_EVERY_MS)
        const end = (came: boolean) => {
          clearInterval(timer)
          resolve(came)
        }
        const sink = {
          // The first frame is the balance; the events follow.
          write: (frame: object) => void ('seq' in frame && end(true)),
          queuedBytes: () => 0,
          close: () => end(false),
        }
        subscriber = hub.subscribe(user, sink, { currency, lastEventId: id })
      })
    } finally {
      if (subscriber) hub.unsubscribe(user, subscriber)
      const left = (this.#waiting.get(key) ?? 1) - 1
      if (left > 0) this.#waiting.set(key, left)
      else this.#waiting.delete(key)
    }
  }
}
