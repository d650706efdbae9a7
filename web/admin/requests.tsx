import { useEffect, useRef, useState } from 'preact/hooks'
import { formatMoney } from '../parts/money.ts'
import type { Signed } from '../parts/start.tsx'
import { Empty, Failure, Loading } from '../parts/states.tsx'
import type { Toast, Toasts } from '../parts/toasts.tsx'
import { type Page, type Transaction, typeName } from '../parts/transaction.ts'
import type { Loaded } from '../parts/use-loaded.ts'
import { PendingRequest } from './pending-request.tsx'

interface RequestsProps extends Signed {
  pending: Loaded<Page>
  toasts: Toasts
}

/** Topups and withdrawals that wait for a yes or no. */
export function Requests({ api, userId, pending, toasts }: RequestsProps) {
  /** Decided here, and perhaps still in what was read last. */
  const [decided, setDecided] = useState<ReadonlySet<string>>(new Set())
  const heading = useRef<HTMLHeadingElement>(null)
  const items = (pending.value?.items ?? []).filter(({ id }) => !decided.has(id))
  const news = useNews(pending.value?.items)

  const decide = (request: Transaction, approved: boolean) => {
    setDecided((decided) => new Set([...decided, request.id]))
    pending.reload()
    heading.current?.focus()
    toasts.show(verdictOn(request, approved))
  }

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
      {pending.problem !== undefined && (
        <Failure problem={pending.problem} retry={pending.reload} />
      )}
      {!pending.value && pending.loading && <Loading what="Reading the requests" />}
      {pending.value && items.length === 0 && (
        <div class="card">
          <Empty title="Nothing is waiting">
            New requests show up here by themselves, within a second.
          </Empty>
        </div>
      )}
      <ul class="queue" aria-label="Pending requests">
        {items.map((request) => (
          <PendingRequest
            key={request.id}
            api={api}
            request={request}
            own={request.userId === userId}
            decided={(approved) => decide(request, approved)}
            gone={() => {
              setDecided((decided) => new Set([...decided, request.id]))
              heading.current?.focus()
            }}
          />
        ))}
      </ul>
      {pending.value?.nextCursor && (
        <p class="small soft">There are more: they come up as these are decided.</p>
      )}
    </>
  )
}

/** What came of a decision, for whoever made it. */
function verdictOn(request: Transaction, approved: boolean): Toast {
  const { id: about, type, userId, amount, currency } = request
  const money = formatMoney(Math.abs(amount), currency)
  const out = type === 'withdrawal'
  if (!approved) {
    const text = out ? `${userId} can spend it again.` : `${userId} has been told.`
    return { about, tone: 'plain', title: `${money} declined`, text }
  }
  return out
    ? { about, tone: 'gain', title: `${money} withdrawn`, text: `It has left ${userId}’s balance.` }
    : { about, tone: 'gain', title: `${money} added`, text: `${userId} has it already.` }
}

/** What has arrived since the page was opened, to be read aloud. */
function useNews(items: readonly Transaction[] | undefined): string {
  const known = useRef<Set<string> | undefined>(undefined)
  const [news, setNews] = useState('')
  useEffect(() => {
    if (!items) return
    const fresh = known.current ? items.filter(({ id }) => !known.current?.has(id)) : []
    known.current = new Set([...(known.current ?? []), ...items.map(({ id }) => id)])
    const [first] = fresh
    if (first) {
      const money = formatMoney(Math.abs(first.amount), first.currency)
      setNews(
        fresh.length === 1
          ? `New ${typeName(first.type).toLowerCase()} request: ${money} for ${first.userId}`
          : `${fresh.length} new requests`,
      )
    }
  }, [items])
  return news
}
