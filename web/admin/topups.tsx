import { useEffect, useRef, useState } from 'preact/hooks'
import { formatMoney } from '../parts/money.ts'
import type { Signed } from '../parts/start.tsx'
import { Empty, Failure, Loading } from '../parts/states.tsx'
import type { Toasts } from '../parts/toasts.tsx'
import type { Page, Transaction } from '../parts/transaction.ts'
import type { Loaded } from '../parts/use-loaded.ts'
import { TopupRequest } from './topup-request.tsx'

interface TopupsProps extends Signed {
  pending: Loaded<Page>
  toasts: Toasts
}

/** Topups that wait, oldest first: who asked first is answered first. */
export function Topups({ api, userId, pending, toasts }: TopupsProps) {
  /** Decided here, and perhaps still in what was read last. */
  const [decided, setDecided] = useState<ReadonlySet<string>>(new Set())
  const heading = useRef<HTMLHeadingElement>(null)
  const items = (pending.value?.items ?? []).filter(({ id }) => !decided.has(id)).reverse()
  const news = useNews(pending.value?.items)

  const decide = (topup: Transaction, approved: boolean) => {
    setDecided((decided) => new Set([...decided, topup.id]))
    pending.reload()
    heading.current?.focus()
    const money = formatMoney(topup.amount, topup.currency)
    toasts.show({
      about: topup.id,
      tone: approved ? 'gain' : 'plain',
      title: approved ? `${money} added` : `${money} declined`,
      text: approved ? `${topup.userId} has it already.` : `${topup.userId} has been told.`,
    })
  }

  return (
    <>
      <div class="title-row">
        <h1 ref={heading} tabIndex={-1}>
          Pending topups
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
      <ul class="queue" aria-label="Pending topups">
        {items.map((topup) => (
          <TopupRequest
            key={topup.id}
            api={api}
            topup={topup}
            own={topup.userId === userId}
            decided={(approved) => decide(topup, approved)}
            gone={() => {
              setDecided((decided) => new Set([...decided, topup.id]))
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
      const money = formatMoney(first.amount, first.currency)
      setNews(
        fresh.length === 1
          ? `New topup request: ${money} for ${first.userId}`
          : `${fresh.length} new topup requests`,
      )
    }
  }, [items])
  return news
}
