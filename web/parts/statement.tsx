import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import { Button } from './button.tsx'
import { formatMoney } from './money.ts'
import { Pager } from './pager.tsx'
import { Empty, Failure, Loading } from './states.tsx'
import { dayStart, fullTime, shortTime } from './time.ts'
import {
  type Page,
  STATUS_NAMES,
  STATUS_TONES,
  type Transaction,
  TYPE_NAMES,
  typeName,
} from './transaction.ts'
import { useAction } from './use-action.ts'
import { useLoaded } from './use-loaded.ts'

export type StatementQuery = Record<string, string | undefined>

interface StatementProps {
  title: string
  /** Reads one page. */
  load: (query: StatementQuery, signal: AbortSignal) => Promise<Page>
  /** The filtered whole as a file. */
  download: (query: StatementQuery) => Promise<Blob>
  /** Another value: something may have happened. */
  version: unknown
  actions?: (transaction: Transaction) => ComponentChildren
}

const PER_PAGE = '10'
const NO_FILTER = { type: '', status: '', from: '', to: '' }

/** What happened to a wallet: filtered, in pages, as a table, and as a file. */
export function Statement({ title, load, download, version, actions }: StatementProps) {
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
      <Filters
        filter={filter}
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
      {items.length > 0 && <Rows items={items} actions={actions} />}
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

function Filters({
  filter,
  change,
}: {
  filter: typeof NO_FILTER
  change: (part: Partial<typeof NO_FILTER>) => void
}) {
  const id = useId()
  const choice = (name: 'type' | 'status', label: string, names: Record<string, string>) => (
    <div class="field">
      <label for={`${id}-${name}`}>{label}</label>
      <select
        id={`${id}-${name}`}
        class="input compact"
        value={filter[name]}
        onChange={(event) => change({ [name]: event.currentTarget.value })}
      >
        <option value="">All</option>
        {Object.entries(names).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
  const date = (name: 'from' | 'to', label: string) => (
    <div class="field">
      <label for={`${id}-${name}`}>{label}</label>
      <input
        id={`${id}-${name}`}
        class="input compact"
        type="date"
        value={filter[name]}
        onChange={(event) => change({ [name]: event.currentTarget.value })}
      />
    </div>
  )
  return (
    <fieldset class="filters">
      <legend class="sr-only">Filter</legend>
      {choice('type', 'Type', TYPE_NAMES)}
      {choice('status', 'Status', STATUS_NAMES)}
      {date('from', 'From')}
      {date('to', 'To')}
      {Object.values(filter).some(Boolean) && (
        <Button kind="bare" onClick={() => change(NO_FILTER)}>
          Clear
        </Button>
      )}
    </fieldset>
  )
}

function Rows({
  items,
  actions,
}: {
  items: Transaction[]
  actions: StatementProps['actions'] | undefined
}) {
  return (
    <table class="table folds">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">Status</th>
          <th scope="col" class="right">
            Amount
          </th>
          <th scope="col" class="right">
            Balance
          </th>
          {actions && (
            <th scope="col">
              <span class="sr-only">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <Row key={item.id} item={item} actions={actions} />
        ))}
      </tbody>
    </table>
  )
}

function Row({
  item,
  actions,
}: {
  item: Transaction
  actions: StatementProps['actions'] | undefined
}) {
  const { type, amount, currency, status, description, adminNotes, referenceId } = item
  const moved = status === 'success'
  return (
    <tr>
      <td class="when-cell soft small">
        <time dateTime={item.createdAt} title={fullTime(item.createdAt)}>
          {shortTime(item.createdAt)}
        </time>
      </td>
      <td class="lead-cell">
        <span class="what">{typeName(type)}</span>
        {description && <span class="note">{description}</span>}
        {referenceId && type !== 'refund' && <span class="note">Reference {referenceId}</span>}
        {adminNotes && <span class="note">Note: {adminNotes}</span>}
      </td>
      <td class="status-cell">
        <span class={`chip ${STATUS_TONES[status]}`}>{STATUS_NAMES[status]}</span>
      </td>
      <td class={`right money amount-cell ${moved ? (amount > 0 ? 'gain' : '') : 'soft'}`}>
        {formatMoney(amount, currency, { signed: true })}
      </td>
      <td class="right money soft" data-label="Balance">
        {item.newBalance === null ? '' : formatMoney(item.newBalance, currency)}
      </td>
      {actions && <td class="right row-actions">{actions(item)}</td>}
    </tr>
  )
}

function toQuery({ type, status, from, to }: typeof NO_FILTER): StatementQuery {
  return {
    type,
    status,
    from: from && dayStart(from),
    // The last day counts in whole.
    to: to && dayStart(to, 1),
  }
}

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
