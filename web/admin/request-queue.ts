import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Api } from '../lib/api.ts'
import type { Page, Transaction } from '../lib/transaction.ts'

/** The number of requests on a page. */
const PER_PAGE = 50

/** The part of the queue that the page shows. */
export interface QueueQuery {
  /** Empty for all currencies. */
  currency: string
  /** The cursors of this page and of those before it. Empty on the first page. */
  starts: string[]
}

/** One page of the requests that wait for an admin, oldest first. */
export interface Queue extends Page {
  /** The number of requests on all pages, and on the pages before this one. */
  total: number
  offset: number
  /** The number of requests in all currencies. */
  waiting: number
  query: QueueQuery
}

export async function readQueue(api: Api, query: QueueQuery, signal: AbortSignal): Promise<Queue> {
  const { currency, starts } = query
  const read = (search: Record<string, string | number | undefined>) =>
    api.get<Omit<Queue, 'waiting' | 'query'>>('/admin/requests', search, signal)
  const [page, all] = await Promise.all([
    read({ limit: PER_PAGE, currency, cursor: starts.at(-1) }),
    currency === '' ? undefined : read({ limit: 1 }),
  ])
  return { ...page, waiting: all?.total ?? page.total, query }
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
    setCards((cards) => new Map([...waiting, ...cards]))
  }, [queue])

  return {
    // Ids sort by time.
    cards: useMemo(
      () => [...cards.values()].sort((a, b) => (a.request.id < b.request.id ? -1 : 1)),
      [cards],
    ),
    settle,
    lookUp,
    /** Removes the decided requests. */
    clear: () => setCards((cards) => new Map([...cards].filter(([, { outcome }]) => !outcome))),
  }
}
