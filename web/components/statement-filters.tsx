import { useId, useRef } from 'preact/hooks'
import { dayStart } from '../lib/time.ts'
import { STATUS_NAMES, TYPE_NAMES } from '../lib/transaction.ts'
import { Button } from './button.tsx'
import { CurrencyOptions } from './fields.tsx'

export type StatementQuery = Record<string, string | undefined>

/** The values of the fields. Dates are calendar days, and an empty value means all. */
export type StatementFilter = typeof NO_FILTER

export const NO_FILTER = { type: '', status: '', currency: '', from: '', to: '' }

export function toQuery({ type, status, currency, from, to }: StatementFilter): StatementQuery {
  return {
    type,
    status,
    currency,
    from: from && dayStart(from),
    // The whole last day is included.
    to: to && dayStart(to, 1),
  }
}

/** Filters transactions by type, status, currency and date. */
export function StatementFilters({
  filter,
  currencies,
  change,
}: {
  filter: StatementFilter
  /** The user's currencies, listed first. */
  currencies: readonly string[]
  change: (part: Partial<StatementFilter>) => void
}) {
  const id = useId()
  const first = useRef<HTMLFieldSetElement>(null)
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
    <fieldset class="filters" ref={first}>
      <legend class="sr-only">Filter</legend>
      {choice('type', 'Type', TYPE_NAMES)}
      {choice('status', 'Status', STATUS_NAMES)}
      <CurrencyFilter
        currencies={currencies}
        value={filter.currency}
        change={(currency) => change({ currency })}
      />
      {date('from', 'From')}
      {date('to', 'To')}
      {Object.values(filter).some(Boolean) && (
        <Button
          kind="bare"
          onClick={() => {
            change(NO_FILTER)
            // The button disappears when the filter is empty.
            first.current?.querySelector('select')?.focus()
          }}
        >
          Clear
        </Button>
      )}
    </fieldset>
  )
}

/** A choice of one currency or all. */
export function CurrencyFilter({
  currencies,
  value,
  change,
}: {
  currencies: readonly string[]
  value: string
  change: (currency: string) => void
}) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>Currency</label>
      <select
        id={id}
        class="input compact"
        value={value}
        onChange={(event) => change(event.currentTarget.value)}
      >
        <option value="">All</option>
        <CurrencyOptions first={currencies} others />
      </select>
    </div>
  )
}
