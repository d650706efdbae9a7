import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Api } from '../lib/api.ts'
import type { Page, Transaction } from '../lib/transaction.ts'

/** Requests of a page. */
const PER_PAGE = 50

/** Which part of the queue is looked at. */
export interface QueueQuery {
  /** Empty: all. */
  currency: string
  /** The cursors of the pages that led here; none on the first page. */
  starts: string[]
}

/** One page of what waits for an admin, oldest first: who asked first is answered first. */
export interface Queue extends Page {
  /** How many wait, on all pages, and how many of them come before this one. */
  total: number
  offset: number
  /** How many wait in all currencies. */
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

/** A request on the page. Once it is decided, it stays where it is, with what came of it. */
export interface Card {
  request: Transaction
  /** The transaction as it was decided. */
  outcome?: Transaction
  /** Who sits here decided it. */
  own?: boolean
}

/**
 * The cards of the page that is looked at. None goes away while somebody looks: the next would slide under
 * the pointer. What disappears from the queue was decided elsewhere, and is looked up.
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
      // It still waits, as far as anyone here knows: the next look at the queue asks again.
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
    // Ids are in the order of time.
    cards: useMemo(
      () => [...cards.values()].sort((a, b) => (a.request.id < b.request.id ? -1 : 1)),
      [cards],
    ),
    settle,
    lookUp,
    /** Takes away what is decided. */
    clear: () => setCards((cards) => new Map([...cards].filter(([, { outcome }]) => !outcome))),
  }
}
