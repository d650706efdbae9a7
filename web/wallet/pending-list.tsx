import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Pager } from '../components/pager.tsx'
import { Failure, Loading } from '../components/states.tsx'
import { useId } from '../hooks/use-id.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { words } from '../lib/language.ts'
import type { Page, Transaction, TransactionType } from '../lib/transaction.ts'

interface PendingListProps {
  api: Api
  version: unknown
  type: TransactionType
  title: string
  reading: string
  empty: ComponentChildren
  /** Undefined: all. */
  currency: string | undefined
  row: (transaction: Transaction) => ComponentChildren
}

const PER_PAGE = 20

/** The user's pending transactions of one type. */
export function PendingList(props: PendingListProps) {
  const { api, version, type, title, reading, empty, currency, row } = props
  const [starts, setStarts] = useState<string[]>([])
  const page = useLoaded(
    async (signal) => {
      const query = { type, status: 'pending', currency, limit: PER_PAGE, cursor: starts.at(-1) }
      return { starts, ...(await api.get<Page>('/transactions/my-transactions', query, signal)) }
    },
    [api, type, currency, starts],
    version,
  )
  const id = useId()
  const { items = [], nextCursor = null, starts: shown = [] } = page.value ?? {}
  const { statement: text } = words()
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
      </div>
      {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
      {!page.value && page.loading && <Loading what={reading} lines={3} />}
      {page.value && items.length === 0 && empty}
      {items.length > 0 && (
        <ul class="waiting">
          {items.map((item) => (
            <li key={item.id}>{row(item)}</li>
          ))}
        </ul>
      )}
      <Pager
        label={text.pages(title)}
        starts={shown}
        nextCursor={nextCursor}
        loading={page.loading}
        back={text.newer}
        forward={text.older}
        onTurn={setStarts}
      />
    </section>
  )
}
