import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Api } from '../lib/api.ts'
import type { Page, Transaction } from '../lib/transaction.ts'
import { useFollowed } from './feed.ts'

/** The number of requests on a page. */
const PER_PAGE = 50

/** The time between two reads of the queue while no events arrive. */
export const POLL_INTERVAL_MS = 2_000

/** The part of the queue that the page shows. */
export type QueueQuery = typeof WHOLE_QUEUE

/** The first page of all requests. An empty filter leaves nothing out. */
export const WHOLE_QUEUE = {
  type: '',
  currency: '',
  minAmount: '',
  maxAmount: '',
  userId: '',
  /** At least so many hours old. */
  age: '',
  order: 'asc',
  /** The cursors of this page and of those before it. Empty on the first page. */
  page: [] as readonly string[],
}

export const isFiltered = ({ order: _, page: __, ...filter }: QueueQuery): boolean =>
  Object.values(filter).some(Boolean)

/** What is known of a request's user: the balance, and how earlier requests ended. */
export interface RequestUser {
  userId: string
  currency: string
  balance: number
  available: number
  approved: number
  rejected: number
}

/** One page of the requests that wait for an admin, oldest first. */
export interface Queue extends Page {
  /** The number of requests on all pages, and on the pages before this one. */
  total: number
  offset: number
  users?: RequestUser[]
  query: QueueQuery
}

type Search = Record<string, string | number | undefined>

const read = (api: Api, search: Search, signal: AbortSignal) =>
  api.get<Omit<Queue, 'query'>>('/admin/requests', search, signal)

export async function readQueue(api: Api, query: QueueQuery, signal: AbortSignal): Promise<Queue> {
  const { page, age, ...filter } = query
  const hours = Number(age)
  const to = hours > 0 ? new Date(Date.now() - hours * 3_600_000).toISOString() : undefined
  const search = { ...filter, to, context: 'true', limit: PER_PAGE, cursor: page.at(-1) }
  return { ...(await read(api, search, signal)), query }
}

/** The number of requests that wait for an admin. For nobody else it asks. */
export function useWaitingRequests(api: Api, isAdmin: boolean): number {
  const { value } = useFollowed(
    async (signal) => (isAdmin ? read(api, { limit: 1 }, signal) : undefined),
    [api, isAdmin],
    'requests',
    POLL_INTERVAL_MS,
  )
  return value?.total ?? 0
}

/** “51–100 of 130”. */
export function placeIn({ items, total, offset }: Queue): string {
  if (items.length === 0) return `0 of ${total}`
  return `${offset + 1}–${offset + items.length} of ${total}`
}

/** A request on the page. It keeps its place after the decision, and shows the result. */
export interface Card {
  request: Transaction
  /** The transaction after the decision. */
  outcome?: Transaction
  /** True if it was decided on this page. */
  own?: boolean
}

/**
 * The cards of the shown page. None is removed while the admin reads, because the next card would move under
 * the pointer. A request that left the queue was decided elsewhere. Its result is looked up.
 */
export function useCards(api: Api, queue: Queue | undefined) {
  const [cards, setCards] = useState<ReadonlyMap<string, Card>>(new Map())
  const shown = useRef<QueueQuery | undefined>(undefined)
  const looking = useRef(new Set<string>())

  const settle = (outcome: Transaction, own: boolean) =>
    setCards((cards) => {
      const card = cards.get(outcome.id)
      if (!card || card.outcome || outcome.status === 'pending') return cards
      return new Map(cards).set(outcome.id, { ...card, outcome, own })
    })
  const lookUp = async (id: string) => {
    if (looking.current.has(id)) return
    looking.current.add(id)
    try {
      settle(await api.get<Transaction>(`/transactions/${id}`), false)
    } catch {
      // The next read of the queue looks it up again.
    } finally {
      looking.current.delete(id)
    }
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new reading is what changes the cards
  useEffect(() => {
    if (!queue) return
    const turned = shown.current !== queue.query
    shown.current = queue.query
    const waiting = queue.items.map((request) => [request.id, { request }] as const)
    if (turned) return setCards(new Map(waiting))
    const ids = new Set(waiting.map(([id]) => id))
    for (const [id, { outcome }] of cards) if (!outcome && !ids.has(id)) void lookUp(id)
    // A request that waits still may have its first approval since.
    setCards((cards) => new Map([...cards, ...waiting.filter(([id]) => !cards.get(id)?.outcome)]))
  }, [queue])

  return {
    // Ids sort by time.
    cards: useMemo(() => {
      const sign = queue?.query.order === 'desc' ? -1 : 1
      return [...cards.values()].sort((a, b) => (a.request.id < b.request.id ? -sign : sign))
    }, [cards, queue?.query.order]),
    settle,
    lookUp,
    /** Removes the decided requests. */
    clear: () => setCards((cards) => new Map([...cards].filter(([, { outcome }]) => !outcome))),
  }
}
