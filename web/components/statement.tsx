import { useEffect, useState } from 'preact/hooks'
import { useAction } from '../hooks/use-action.ts'
import { useId } from '../hooks/use-id.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import { words } from '../lib/language.ts'
import { saveFile } from '../lib/save-file.ts'
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
import { type RowActions, StatementRows, type TransactionHref } from './statement-rows.tsx'
import { Empty, Failure, Loading } from './states.tsx'

interface StatementProps {
  title: string
  /** Reads one page. */
  load: (query: StatementQuery, signal: AbortSignal) => Promise<Page>
  /** Downloads all filtered transactions. */
  download: (query: StatementQuery) => Promise<Blob>
  /** A new value means that the statement may have changed. */
  version: unknown
  /** The transactions of recent events, newest first. They are shown before the statement is read again. */
  recent?: readonly Transaction[]
  /** The user's currencies. With more than one, the statement starts with `currency`. */
  currencies?: readonly string[]
  currency?: string
  actions?: RowActions
  hrefOf?: TransactionHref
  /** The shown place, for a page that keeps it. Default: the statement does. */
  place?: StatementPlace
  /** Required with `place`. */
  turn?: (place: StatementPlace) => void
}

/** What of a statement is shown. */
export interface StatementPlace {
  filter: StatementFilter
  /** The cursors of the requested page and of those before it. */
  starts: readonly string[]
}

const PER_PAGE = 10

/** A wallet's transactions: a table with filters, pages, and a download. */
export function Statement(props: StatementProps) {
  const { title, load, download, version, recent = [], currencies = [], actions, hrefOf } = props
  const { statement: text } = words()
  const several = currencies.length > 1
  const currency = several ? (props.currency ?? '') : ''
  const [own, setOwn] = useState<StatementPlace>({ filter: { ...NO_FILTER, currency }, starts: [] })
  // The filter follows the currency that the page shows.
  useEffect(() => {
    setOwn((own) =>
      own.filter.currency === currency ? own : { filter: { ...own.filter, currency }, starts: [] },
    )
  }, [currency])
  const { place = own, turn = setOwn } = props
  const { filter, starts } = place
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
  const saving = useAction(async () => saveFile(await download(query), 'transactions.csv'))
  const filtered = Object.values(filter).some(Boolean)
  // The shown page. The requested page may not have been loaded yet.
  const { items: read = [], nextCursor = null, starts: shown = [] } = page.value ?? {}
  const items = shown.length === 0 ? withRecent(read, recent, filter) : read
  const id = useId()

  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        <Button kind="quiet compact" busy={saving.busy} onClick={() => void saving.run()}>
          {text.download}
        </Button>
      </div>
      <StatementFilters
        filter={filter}
        currencies={currencies}
        change={(part) => turn({ filter: { ...filter, ...part }, starts: [] })}
      />
      {saving.problem !== undefined && <Failure problem={saving.problem} />}
      {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
      {!page.value && page.loading && <Loading what={text.reading} lines={5} />}
      {page.value && items.length === 0 && (
        <Empty title={filtered ? text.noMatchTitle : text.emptyTitle}>
          {filtered ? text.noMatch : text.empty}
        </Empty>
      )}
      {items.length > 0 && (
        <div class={page.loading && starts !== shown ? 'busy' : ''}>
          <StatementRows
            items={items}
            actions={actions}
            hrefOf={hrefOf}
            mixed={several && !filter.currency}
          />
        </div>
      )}
      <Pager
        label={text.pages(title)}
        starts={shown}
        nextCursor={nextCursor}
        loading={page.loading}
        back={text.newer}
        forward={text.older}
        onTurn={(starts) => turn({ filter, starts })}
      />
    </section>
  )
}

/** The first page with the recent transactions that match the filter. */
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
      !filter.reference &&
      !filter.to &&
      !filter.reference &&
      (!filter.type || filter.type === type) &&
      (!filter.status || filter.status === status) &&
      (!filter.currency || filter.currency === currency),
  )
  const changed = new Map(recent.map((item) => [item.id, item]))
  const now = read.map((item) => {
    const { status, newBalance } = changed.get(item.id) ?? item
    return item.status === 'pending' ? { ...item, status, newBalance } : item
  })
  // Sorted by id, and so by time, like the server's lists.
  return [...news, ...now].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, PER_PAGE)
}
