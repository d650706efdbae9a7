import { useEffect, useRef, useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Pager } from '../components/pager.tsx'
import type { PageProps } from '../components/start.tsx'
import { CurrencyFilter } from '../components/statement-filters.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import type { Loaded } from '../hooks/use-loaded.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { typeName } from '../lib/transaction.ts'
import { PendingRequest, Receipt } from './pending-request.tsx'
import { type Card, placeIn, type Queue, type QueueQuery, useCards } from './request-queue.ts'

interface RequestsProps extends PageProps {
  pending: Loaded<Queue>
  query: QueueQuery
  /** Shows another part of the queue. */
  turn: (query: QueueQuery) => void
}

/** The topups and withdrawals that wait for a decision, and the results of those decided since. */
export function Requests(props: RequestsProps) {
  const { api, userId, currency, confirmAbove, pending, query, turn } = props
  const queue = pending.value
  const { cards, settle, lookUp, clear } = useCards(api, queue)
  const decided = cards.filter(({ outcome }) => outcome).length
  const heading = useRef<HTMLHeadingElement>(null)
  const news = useNews(queue)

  return (
    <>
      <div class="title-row">
        <h1 ref={heading} tabIndex={-1}>
          Pending requests
        </h1>
        <span class={`chip ${pending.problem === undefined ? 'gain' : 'wait'}`}>
          <span class="dot" aria-hidden="true" />
          {pending.problem === undefined ? 'Live' : 'Not up to date'}
        </span>
      </div>
      <p class="sr-only" aria-live="polite">
        {news}
      </p>
      <div class="queue-head">
        <CurrencyFilter
          currencies={[currency]}
          value={query.currency}
          change={(currency) => turn({ currency, starts: [] })}
        />
        {queue && queue.total > 0 && (
          <span class="small soft figure">{placeIn(queue)}, oldest first</span>
        )}
      </div>
      {pending.problem !== undefined && (
        <Failure problem={pending.problem} retry={pending.reload} />
      )}
      {!queue && pending.loading && <Loading what="Reading the requests" />}
      {queue && cards.length === 0 && (
        <div class="card">
          <Empty title="Nothing is waiting">New requests appear here within a second.</Empty>
        </div>
      )}
      <ul class="queue" aria-label="Pending requests">
        {cards.map((card) => {
          const { request, outcome } = card
          return outcome ? (
            <Receipt key={request.id} card={card as Card & { outcome: typeof outcome }} />
          ) : (
            <PendingRequest
              key={request.id}
              api={api}
              request={request}
              own={request.userId === userId}
              confirmAbove={confirmAbove[request.currency] ?? confirmAbove['*'] ?? 0}
              decided={(outcome) => {
                settle(outcome, true)
                pending.reload()
              }}
              late={() => void lookUp(request.id)}
            />
          )
        })}
      </ul>
      {decided > 0 && (
        <Button
          kind="bare"
          onClick={() => {
            clear()
            heading.current?.focus({ preventScroll: true })
          }}
        >
          Hide decided requests ({decided})
        </Button>
      )}
      <Pager
        label="Pages of requests"
        starts={query.starts}
        nextCursor={queue?.nextCursor ?? null}
        loading={queue?.query !== query}
        back="Back"
        forward="More"
        place={queue && placeIn(queue)}
        onTurn={(starts) => turn({ ...query, starts })}
      />
    </>
  )
}

/**
 * Announces new requests to screen readers. Only the last page shows new ones: on other pages, a request that
 * appears has moved up from the next page.
 */
function useNews(queue: Queue | undefined): string {
  const known = useRef<{ query: QueueQuery; ids: Set<string>; last: boolean } | undefined>(
    undefined,
  )
  const [news, setNews] = useState('')
  useEffect(() => {
    if (!queue) return
    const { query, items } = queue
    const last = queue.nextCursor === null
    const before = known.current?.query === query ? known.current : undefined
    known.current = {
      query,
      ids: new Set([...(before?.ids ?? []), ...items.map(({ id }) => id)]),
      last,
    }
    const fresh = before?.last ? items.filter(({ id }) => !before.ids.has(id)) : []
    const [first] = fresh
    if (!first) return
    const money = formatMoney(absolute(first.amount, first.currency), first.currency)
    setNews(
      fresh.length === 1
        ? `New ${typeName(first.type).toLowerCase()} request: ${money} for ${first.userId}`
        : `${fresh.length} new requests`,
    )
  }, [queue])
  return news
}
