import { useRef } from 'preact/hooks'
import { useId } from '../hooks/use-id.ts'
import { words } from '../lib/language.ts'
import { dayStart } from '../lib/time.ts'
import { Button } from './button.tsx'
import { CurrencyOptions } from './fields.tsx'

export type StatementQuery = Record<string, string | undefined>

/** The values of the fields. Dates are calendar days, and an empty value means all. */
export type StatementFilter = typeof NO_FILTER

export const NO_FILTER = { type: '', status: '', currency: '', from: '', to: '', reference: '' }

export function toQuery(filter: StatementFilter): StatementQuery {
  const { type, status, currency, from, to, reference } = filter
  return {
    type,
    status,
    currency,
    from: from && dayStart(from),
    // The whole last day is included.
    to: to && dayStart(to, 1),
    ...found(reference),
  }
}

/** `orderId=A-1` finds by the caller's own data. Anything else is a reference. */
function found(reference: string): StatementQuery {
  const [, key, value] = /^([\w.-]{1,64})=(.+)$/.exec(reference) ?? []
  return key === undefined ? { referenceId: reference } : { [`metadata.${key}`]: value }
}

/** Filters transactions by type, status, currency, date and reference. */
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
  const { statement: text, statuses } = words()
  const { other: _, ...types } = words().types
  const choice = (name: 'type' | 'status', label: string, names: Record<string, string>) => (
    <div class="field">
      <label for={`${id}-${name}`}>{label}</label>
      <select
        id={`${id}-${name}`}
        class="input compact"
        value={filter[name]}
        onChange={(event) => change({ [name]: event.currentTarget.value })}
      >
        <option value="">{words().common.all}</option>
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
      <legend class="sr-only">{text.filter}</legend>
      {choice('type', text.type, types)}
      {choice('status', text.status, statuses)}
      <CurrencyFilter
        currencies={currencies}
        value={filter.currency}
        change={(currency) => change({ currency })}
      />
      {date('from', text.from)}
      {date('to', text.to)}
      <div class="field">
        <label for={`${id}-reference`}>{text.reference}</label>
        <input
          id={`${id}-reference`}
          class="input compact"
          type="search"
          maxLength={200}
          placeholder="A-1, orderId=A-1"
          value={filter.reference}
          // When it is complete: a search for a part finds nothing.
          onChange={(event) => change({ reference: event.currentTarget.value.trim() })}
        />
      </div>
      {Object.values(filter).some(Boolean) && (
        <Button
          kind="bare"
          onClick={() => {
            change(NO_FILTER)
            // The button disappears when the filter is empty.
            first.current?.querySelector('select')?.focus()
          }}
        >
          {text.clear}
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
      <label for={id}>{words().common.currency}</label>
      <select
        id={id}
        class="input compact"
        value={value}
        onChange={(event) => change(event.currentTarget.value)}
      >
        <option value="">{words().common.all}</option>
        <CurrencyOptions first={currencies} others />
      </select>
    </div>
  )
}
