import type { Logger } from 'pino'
import type { Balance } from '../../ledger/balance.ts'
import { eventId, type UserRef } from '../../ledger/event.ts'
import type { EventPage, EventStore } from '../../ledger/event-store.ts'
import { toMinor, toWire } from '../../ledger/money.ts'
import { sleep } from '../../lib/timeout.ts'
import type { Bus } from '../bus/bus.ts'
import type { RecentQuery } from '../bus/event-history.ts'
import { type EventFrame, Frame, parseMessage } from './frame.ts'

/** Events that are read from Postgres at a time. */
export const PAGE_SIZE = 200

/** The same for a connection that resumes, because few events are missing and thousands may resume together. */
export const FIRST_PAGE_SIZE = 20

/** A failed read of Postgres is tried again after this time. */
export const RETRY_MS = 500

/** Reads one page. If Postgres cannot be read, returns undefined after a pause; then call it again. */
export async function readPage(
  { store, logger }: { store: EventStore; logger: Logger },
  user: UserRef,
  after: number,
): Promise<EventPage | undefined> {
  try {
    return await store.eventsAfter(user, after, PAGE_SIZE)
  } catch (error) {
    logger.warn({ err: error }, 'a stream could not be read; trying again')
    await sleep(RETRY_MS)
    return undefined
  }
}

/** Events after a seq, ready to be sent, and the newest seq. */
export interface FramePage {
  head: number
  events: EventFrame[]
}

/** What a connection begins with. */
export interface StartState {
  balance: Pick<Balance, 'balance' | 'currency' | 'seq'>
  /** The events after the seq that the client resumes from. Undefined: it does not resume. */
  page: FramePage | undefined
}

/** Reads a page from the bus. Undefined: it does not have all of it. */
export async function recentPage(
  bus: Pick<Bus, 'recentEvents'>,
  epoch: string,
  query: RecentQuery,
): Promise<(FramePage & { balance: bigint }) | undefined> {
  const recent = await bus.recentEvents(query)
  // A balance proves that the events were compared with the ledger after the last failure of Redis.
  if (!recent || recent.balance === null) return undefined
  const events: EventFrame[] = []
  for (const message of recent.messages) {
    const event = parseMessage(message, epoch)
    // Anybody with access to Redis may have written it.
    if (typeof event === 'string') return undefined
    events.push(event)
  }
  return { head: recent.head, events, balance: toMinor(recent.balance, query.currency) }
}

/** Reads from the bus what a connection begins with. Undefined: it has to be read from Postgres. */
export async function recentStart(
  bus: Pick<Bus, 'recentEvents'>,
  epoch: string,
  query: RecentQuery,
): Promise<StartState | undefined> {
  const page = await recentPage(bus, epoch, query)
  if (!page) return undefined
  const { balance, head } = page
  return {
    balance: { balance, currency: query.currency, seq: head },
    page: query.after === undefined ? undefined : page,
  }
}

/** Whether events that followed `after` have been deleted. */
export function isPruned({ head, events }: EventPage | FramePage, after: number): boolean {
  const [first] = events
  return first === undefined ? head > after : first.seq > after + 1
}

/** The seq in an event's id; null if the id is malformed or from another database. */
export function seqIn(id: string, epoch: string): number | null {
  if (!id.startsWith(`${epoch}:`)) return null
  const digits = id.slice(epoch.length + 1)
  return /^\d{1,15}$/.test(digits) ? Number(digits) : null
}

/** Fields of `balance_initial` beside the balance. */
export type JoinNote = { recovered?: boolean; conflated?: boolean }

export const NOT_RECOVERED: JoinNote = { recovered: false }

/** A connection's beginning or new beginning in its user's stream. */
export interface Start {
  /** Delivered events follow from here. */
  position: number
  /** `balance_initial`. */
  frame: Frame
  /** `fresh`: the client did not ask to resume. The others are counters of `StreamMeter`. */
  outcome: 'resumed' | 'notResumed' | 'conflated' | 'fresh'
}

/**
 * A client resumes if no event is missing between `after` and the first event of the page. Otherwise it
 * starts from the balance.
 * @param after the seq that the client wants to resume from, and `page` the events after it
 */
export function startOf(
  epoch: string,
  balance: StartState['balance'],
  note: JoinNote,
  after?: number,
  page?: FramePage,
): Start {
  const resumed =
    after !== undefined &&
    page !== undefined &&
    (page.head === after || page.events[0]?.seq === after + 1)
  const position = resumed ? after : balance.seq
  const { currency } = balance
  const id = eventId(epoch, position)
  const wasLost = after !== undefined || note.recovered === false
  const payload = {
    balance: toWire(balance.balance, currency),
    currency,
    id,
    seq: position,
    ...(resumed
      ? { recovered: true, replay: Math.max(0, balance.seq - position) }
      : after === undefined
        ? note
        : { ...note, recovered: false }),
  }
  const frame = new Frame('balance_initial', payload, id)
  if (resumed) return { position, frame, outcome: 'resumed' }
  if (note.conflated) return { position, frame, outcome: 'conflated' }
  return { position, frame, outcome: wasLost ? 'notResumed' : 'fresh' }
}
