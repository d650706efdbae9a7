import { useId, useState } from 'preact/hooks'
import { Button } from './button.tsx'
import { Pager } from './pager.tsx'
import { NO_FILTER, StatementFilters, type StatementQuery, toQuery } from './statement-filters.tsx'
import { type RowActions, StatementRows } from './statement-rows.tsx'
import { Empty, Failure, Loading } from './states.tsx'
import type { Page } from './transaction.ts'
import { useAction } from './use-action.ts'
import { useLoaded } from './use-loaded.ts'

interface StatementProps {
  title: string
  /** Reads one page. */
  load: (query: StatementQuery, signal: AbortSignal) => Promise<Page>
  /** The filtered whole as a file. */
  download: (query: StatementQuery) => Promise<Blob>
  /** Another value: something may have happened. */
  version: unknown
  /** What the user has: those that come first in the filter. */
  currencies?: readonly string[]
  actions?: RowActions
}

const PER_PAGE = '10'

/** What happened to a wallet: filtered, in pages, as a table, and as a file. */
export function Statement({
  title,
  load,
  download,
  version,
  currencies = [],
  actions,
}: StatementProps) {
  const [filter, setFilter] = useState(NO_FILTER)
  /** Where each page up to the one that is shown begins. */
  const [starts, setStarts] = useState<string[]>([])
  const query = toQuery(filter)
  const page = useLoaded(
    (signal) => load({ ...query, limit: PER_PAGE, cursor: starts.at(-1) }, signal),
    [filter, starts, version, load],
  )
  const saving = useAction(async () => save(await download(query), 'transactions.csv'))
  const filtered = Object.values(filter).some(Boolean)
  const { items = [], nextCursor = null } = page.value ?? {}
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
            ? 'No transaction fits this filter. Widen it to see more.'
            : 'Every topup, payment and refund will be listed here, as it happens.'}
        </Empty>
      )}
      {items.length > 0 && <StatementRows items={items} actions={actions} />}
      <Pager
        label={`Pages of: ${title}`}
        starts={starts}
        nextCursor={nextCursor}
        loading={page.loading}
        back="Newer"
        forward="Older"
        onTurn={setStarts}
      />
    </section>
  )
}

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
