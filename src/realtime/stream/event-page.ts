import type { Logger } from 'pino'
import type { UserRef } from '../../ledger/event.ts'
import type { EventStore } from '../../ledger/event-store.ts'

/** Events read from Postgres at a time. */
export const PAGE = 200

/** Milliseconds before a failed read of Postgres is tried again. */
export const RETRY = 500

/** A stretch of a user's stream, as Postgres has it. */
export type EventPage = Awaited<ReturnType<EventStore['eventsAfter']>>

/** One page; undefined, after a while, when Postgres cannot be read: ask again. */
export async function readPage(
  from: { store: EventStore; logger: Logger },
  who: UserRef,
  after: number,
): Promise<EventPage | undefined> {
  try {
    return await from.store.eventsAfter(who, after, PAGE)
  } catch (error) {
    from.logger.warn({ err: error }, 'a stream could not be read; trying again')
    await new Promise((resolve) => setTimeout(resolve, RETRY))
    return undefined
  }
}

/** Whether what follows `after` is not there any more, or not all of it. */
export function isPruned({ head, events }: EventPage, after: number): boolean {
  const [first] = events
  return first === undefined ? head > after : first.seq > after + 1
}
