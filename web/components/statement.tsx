import { useEffect, useId, useState } from 'preact/hooks'
import { useAction } from '../hooks/use-action.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Page, Transaction } from '../lib/transaction.ts'
import { Button } from './button.tsx'
import { Pager } from './pager.tsx'
import {
  NO_FILTER,
  type StatementFilter,
  StatementFilters,
  type StatementQuery,
  toQuery,
} from './statement-filters.tsx'
import { type RowActions, StatementRows } from './statement-rows.tsx'
import { Empty, Failure, Loading } from './states.tsx'

interface StatementProps {
  title: string
  /** Reads one page. */
  load: (query: StatementQuery, signal: AbortSignal) => Promise<Page>
  /** The filtered whole as a file. */
  download: (query: StatementQuery) => Promise<Blob>
  /** Another value: something may have happened. */
  version: unknown
  /** What events told of since, newest first: shown at once, before it is read. */
  recent?: readonly Transaction[]
  /** The currencies to choose from: with more than one, the statement is of one of them to begin with. */
  currencies?: readonly string[]
  currency?: string
  actions?: RowActions
}

const PER_PAGE = 10

/** What happened to a wallet: filtered, in pages, as a table, and as a file. */
export function Statement(props: StatementProps) {
  const { title, load, download, version, recent = [], currencies = [], actions } = props
  const several = currencies.length > 1
  const currency = several ? (props.currency ?? '') : ''
  const [filter, setFilter] = useState({ ...NO_FILTER, currency })
  // It follows what is looked at on the page.
  useEffect(() => {
    setStarts([])
    setFilter((filter) => (filter.currency === currency ? filter : { ...filter, currency }))
  }, [currency])
  /** Where each page up to the one that is shown begins. */
  const [starts, setStarts] = useState<string[]>([])
  const query = toQuery(filter)
  const page = useLoaded(
    async (signal) => {
      const { items, nextCursor } = await load(
        { ...query, limit: String(PER_PAGE), cursor: starts.at(-1) },
        signal,
      )
      return { items, nextCursor, starts }
    },
    [filter, starts, load],
    version,
  )
  const saving = useAction(async () => save(await download(query), 'transactions.csv'))
  const filtered = Object.values(filter).some(Boolean)
  // The page that is shown: the one that was turned to may not have come.
  const { items: read = [], nextCursor = null, starts: shown = [] } = page.value ?? {}
  const items = shown.length === 0 ? withRecent(read, recent, filter) : read
  const id = useId()

  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        <Button kind="quiet compact" busy={saving.busy} onClick={() => void saving.run()}>
          Download CSV
        </Button>
      </div>
      <StatementFilters
        filter={filter}
        currencies={currencies}
        change={(part) => {
          setStarts([])
          setFilter({ ...filter, ...part })
        }}
      />
      {saving.problem !== undefined && <Failure problem={saving.problem} />}
      {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
      {!page.value && page.loading && <Loading what="Reading the statement" lines={5} />}
      {page.value && items.length === 0 && (
        <Empty title={filtered ? 'Nothing matches' : 'Nothing yet'}>
          {filtered
            ? 'No transaction matches this filter.'
            : 'Every topup, payment and refund will be listed here, as it happens.'}
        </Empty>
      )}
      {items.length > 0 && (
        <div class={page.loading && starts !== shown ? 'busy' : ''}>
          <StatementRows items={items} actions={actions} mixed={several && !filter.currency} />
        </div>
      )}
      <Pager
        label={`Pages of: ${title}`}
        starts={shown}
        nextCursor={nextCursor}
        loading={page.loading}
        back="Newer"
        forward="Older"
        onTurn={setStarts}
      />
    </section>
  )
}

/** The first page, with what happened since it was read, as far as the filter can tell. */
function withRecent(
  read: Transaction[],
  recent: readonly Transaction[],
  filter: StatementFilter,
): Transaction[] {
  const known = new Map(read.map((item) => [item.id, item]))
  const news = recent.filter(
    ({ id, type, status, currency }) =>
      !known.has(id) &&
      !filter.from &&
      !filter.to &&
      (!filter.type || filter.type === type) &&
      (!filter.status || filter.status === status) &&
      (!filter.currency || filter.currency === currency),
  )
  const changed = new Map(recent.map((item) => [item.id, item]))
  const now = read.map((item) => {
    const { status, newBalance } = changed.get(item.id) ?? item
    return item.status === 'pending' ? { ...item, status, newBalance } : item
  })
  // By id, which is by the time of the request, as the server lists them.
  return [...news, ...now].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, PER_PAGE)
}

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
