import type { LedgerEvent, UserRef } from '../../ledger/event.ts'
import { allFulfilled, Batcher } from '../../lib/batcher.ts'
import { bySlot, type WalletKeys } from './keys.ts'
import { encodeEvent } from './message.ts'
import type { RedisCommands } from './redis-connections.ts'
import { READ_HISTORY } from './redis-scripts.ts'

/** A user's newest events, as the bus has them. */
export interface RecentEvents {
  /** The newest seq. */
  head: number
  /** The messages of the events after the one that was asked for, in order. None is missing. */
  messages: string[]
  /** Plain decimal, of the asked currency at `head`. Null: it is not cached. */
  balance: string | null
}

export interface RecentQuery {
  user: UserRef
  currency: string
  /** The events after this seq. Undefined: none. */
  after: number | undefined
}

/** A message on its way to Redis. */
export interface HistoryMessage {
  /** Null: nothing is published, and the history is deleted if it ends before `seq`. */
  text: string | null
  seq: number
  /** The key of the user's history. Undefined: the message is only published. */
  history: string | undefined
}

/** Keys and arguments of `PUBLISH`. Several messages may be of one history. */
export function scriptMessages(messages: readonly HistoryMessage[]) {
  const places = new Map<string, number>()
  const args: (string | number)[] = []
  for (const { text, seq, history } of messages) {
    let place = 0
    if (history !== undefined) {
      place = places.get(history) ?? places.size + 1
      places.set(history, place)
    }
    args.push(text === null ? -place : place, seq, text ?? '')
  }
  return { keys: [...places.keys()], args }
}

/** How long a user's history lives after the last event. */
export const HISTORY_SECONDS = 3600

/** Users that are read at a time. A script keeps all others waiting. */
const BATCH_SIZE = 100

export interface EventHistoryOptions {
  commands: RedisCommands
  keys: WalletKeys
  epochOf(tenant: string): string
  /** Events that are kept of each user. 0: none. */
  size: number
  /** Whether one script can only read keys of one slot. */
  hasSlots: boolean
  awaited: <T>(command: Promise<T>) => Promise<T>
}

/**
 * The last events of each user, in Redis: a list for each user that has no gap. The script that publishes an event
 * appends it. If an event is not the next one, the list begins anew, so a list is complete from its first event to its
 * last one.
 */
export class EventHistory {
  readonly #options: EventHistoryOptions
  readonly #reads: Batcher<RecentQuery, RecentEvents | null>

  constructor(options: EventHistoryOptions) {
    this.#options = options
    this.#reads = new Batcher(async (asked) => allFulfilled(await this.#read(asked)), {
      size: BATCH_SIZE,
    })
  }

  message(event: LedgerEvent): HistoryMessage {
    const { keys, epochOf, size } = this.#options
    const epoch = epochOf(event.tenant)
    const history = size > 0 ? keys.history(event, epoch) : undefined
    return { text: encodeEvent(event, epoch), seq: event.seq, history }
  }

  /** Messages that delete the histories which miss events of these users. */
  checks(users: readonly (UserRef & { seq: number })[]): HistoryMessage[] {
    const { keys, epochOf, size } = this.#options
    if (size === 0) return []
    return users.map((user) => ({
      ...{ text: null, seq: user.seq },
      history: keys.history(user, epochOf(user.tenant)),
    }))
  }

  /** Null: the events are not all known. */
  async read(query: RecentQuery): Promise<RecentEvents | null> {
    return this.#options.size > 0 ? this.#reads.add(query) : null
  }

  async #read(asked: readonly RecentQuery[]): Promise<(RecentEvents | null)[]> {
    const { keys, hasSlots } = this.#options
    const placed = asked.map((query, place) => ({ query, place }))
    const found: (RecentEvents | null)[] = []
    const groups = hasSlots ? bySlot(placed, ({ query }) => keys.slotTag(query.user)) : [placed]
    await Promise.all(
      groups.map(async (group) => {
        const answers = await this.#readGroup(group.map(({ query }) => query))
        for (const [i, { place }] of group.entries()) found[place] = answers[i] ?? null
      }),
    )
    return found
  }

  async #readGroup(group: readonly RecentQuery[]): Promise<(RecentEvents | null)[]> {
    const { commands, keys, epochOf, awaited } = this.#options
    const names = group.flatMap(({ user, currency }) => [
      keys.history(user, epochOf(user.tenant)),
      keys.balance(user, currency),
      keys.version(user, currency),
    ])
    const afters = group.map(({ after }) => after ?? '')
    const answers = (await awaited(READ_HISTORY.run(commands, names, afters))) as string[][]
    return answers.map((answer, i) =>
      recentOf(answer, epochOf((group[i] as RecentQuery).user.tenant)),
    )
  }
}

function recentOf(answer: readonly string[], epoch: string): RecentEvents | null {
  const [head, value, version, ...messages] = answer
  if (head === undefined || version === undefined) return null
  const [, seq] = version.startsWith(`${epoch}:`) ? version.split(':') : []
  // A balance that is newer than the events was read from Postgres, and belongs to events that are not here yet.
  const isOfHead = seq !== undefined && Number(seq) <= Number(head)
  const balance = isOfHead && value ? value : null
  return { head: Number(head), messages, balance }
}
