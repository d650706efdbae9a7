import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Pager } from '../components/pager.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { absolute, formatMoney } from '../lib/money.ts'
import { type Transaction, typeName } from '../lib/transaction.ts'
import { useQueryState } from './address.ts'
import { BulkBar } from './decisions.tsx'
import { useFeed, useFollowed } from './feed.ts'
import { FourEyes } from './four-eyes.tsx'
import { isDecidable, PendingRequest, Receipt, type RowActions } from './pending-request.tsx'
import { ProviderCases } from './provider-cases.tsx'
import { QueueFilters } from './queue-filters.tsx'
import { KeysDialog, useQueueKeys } from './queue-keys.tsx'
import {
  type Card,
  isFiltered,
  POLL_INTERVAL_MS,
  placeIn,
  type Queue,
  type QueueQuery,
  readQueue,
  useCards,
  WHOLE_QUEUE,
} from './request-queue.ts'
import type { ScreenProps } from './screens.ts'

/** What waits for a decision of an admin, and the results of what was decided since. */
export function Requests(props: ScreenProps) {
  const { api, userId, currency, confirmAbove } = props
  const [query, turn] = useQueryState(WHOLE_QUEUE)
  const pending = useFollowed(
    (signal) => readQueue(api, query, signal),
    [api, query],
    'requests',
    POLL_INTERVAL_MS,
  )
  const queue = pending.value
  const { cards, settle, lookUp, clear } = useCards(api, queue)
  const decided = cards.filter(({ outcome }) => outcome).length
  const heading = useRef<HTMLHeadingElement>(null)
  const news = useNews(queue)
  const [refused, setRefused] = useState<ReadonlyMap<string, string>>(new Map())
  const { chosen, isChosen, choose, chooseAll } = useChosen(cards, userId)
  const actions = useMemo(() => new Map<string, RowActions>(), [])
  const keys = useQueueKeys(actions)
  const open = cards.filter(({ request, outcome }) => !outcome && isDecidable(request, userId))

  return (
    <>
      <div class="title-row">
        <h1 ref={heading} tabIndex={-1}>
          Pending requests
        </h1>
        <span class="side">
          <Button kind="bare" onClick={keys.show}>
            Keyboard
          </Button>
          <LiveChip failed={pending.problem !== undefined} />
        </span>
      </div>
      <p class="sr-only" aria-live="polite">
        {news}
      </p>
      <div class="queue-head">
        <QueueFilters
          query={query}
          currencies={[currency]}
          change={(part) => turn({ ...part, page: [] })}
        />
        {queue && queue.total > 0 && (
          <span class="side small soft figure">
            <span>
              {placeIn(queue)}, {query.order === 'desc' ? 'newest' : 'oldest'} first
            </span>
            <Button
              kind="bare"
              onClick={() => turn({ order: query.order === 'desc' ? 'asc' : 'desc', page: [] })}
            >
              {query.order === 'desc' ? 'Oldest first' : 'Newest first'}
            </Button>
          </span>
        )}
      </div>
      {pending.problem !== undefined && (
        <Failure problem={pending.problem} retry={pending.reload} />
      )}
      {!queue && pending.loading && <Loading what="Reading the requests" />}
      {queue && cards.length === 0 && (
        <div class="card">
          {isFiltered(query) ? (
            <Empty title="Nothing matches">No request that waits matches this filter.</Empty>
          ) : (
            <Empty title="Nothing is waiting">New requests appear here within a second.</Empty>
          )}
        </div>
      )}
      {cards.length > 0 && (
        <div class="card queue-card">
          <table class="queue" aria-label="Pending requests">
            <thead>
              <tr>
                <th scope="col">
                  <input
                    type="checkbox"
                    aria-label="Choose all requests of this page"
                    checked={open.length > 0 && chosen.length === open.length}
                    disabled={open.length === 0}
                    onChange={(event) => chooseAll(event.currentTarget.checked)}
                  />
                </th>
                <th scope="col">Amount</th>
                <th scope="col">User</th>
                <th scope="col">Note</th>
                <th scope="col">Decision</th>
              </tr>
            </thead>
            <tbody>
              {cards.map((card) => {
                const { request, outcome } = card
                return outcome ? (
                  <Receipt key={request.id} card={card as Card & { outcome: typeof outcome }} />
                ) : (
                  <PendingRequest
                    key={request.id}
                    api={api}
                    request={request}
                    user={queue?.users?.find(
                      ({ userId, currency }) =>
                        userId === request.userId && currency === request.currency,
                    )}
                    admin={userId}
                    confirmAbove={confirmAbove[request.currency] ?? confirmAbove['*'] ?? 0}
                    chosen={isChosen(request.id)}
                    choose={(is) => choose(request.id, is)}
                    refused={refused.get(request.id)}
                    actions={(row) => {
                      if (row) actions.set(request.id, row)
                      else actions.delete(request.id)
                    }}
                    decided={(outcome) => {
                      settle(outcome, true)
                      pending.reload()
                    }}
                    late={() => void lookUp(request.id)}
                  />
                )
              })}
            </tbody>
          </table>
        </div>
      )}
      <BulkBar
        api={api}
        chosen={chosen}
        clear={() => chooseAll(false)}
        done={(outcomes, problems) => {
          for (const outcome of outcomes) settle(outcome, true)
          setRefused(problems)
          chooseAll(false)
          pending.reload()
          heading.current?.focus({ preventScroll: true })
        }}
      />
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
        starts={query.page}
        nextCursor={queue?.nextCursor ?? null}
        loading={queue?.query !== query}
        back="Back"
        forward="More"
        place={queue && placeIn(queue)}
        onTurn={(page) => turn({ page })}
      />
      <ProviderCases api={api} admin={userId} />
      <FourEyes api={api} admin={userId} currency={currency} />
      {keys.shown && <KeysDialog close={keys.hide} />}
    </>
  )
}

/** Whether changes arrive by themselves. */
function LiveChip({ failed }: { failed: boolean }) {
  const { live, reason } = useFeed()
  const text = failed ? 'Not up to date' : live ? 'Live' : 'Reads every 2 seconds'
  return (
    <span class={`chip ${live && !failed ? 'gain' : 'wait'}`} title={reason}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  )
}

/** The chosen requests among those that still wait. */
function useChosen(cards: readonly Card[], admin: string) {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const open = cards
    .filter(({ request, outcome }) => !outcome && isDecidable(request, admin))
    .map(({ request }) => request)
  const chosen: Transaction[] = open.filter(({ id }) => ids.has(id))
  return {
    chosen,
    isChosen: (id: string) => chosen.some((request) => request.id === id),
    choose: (id: string, is: boolean) =>
      setIds((ids) => new Set(is ? [...ids, id] : [...ids].filter((each) => each !== id))),
    chooseAll: (are: boolean) => setIds(new Set(are ? open.map(({ id }) => id) : [])),
  }
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
