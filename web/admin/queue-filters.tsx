import { useEffect, useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { CurrencyFilter } from '../components/statement-filters.tsx'
import { useId } from '../hooks/use-id.ts'
import { isFiltered, type QueueQuery, WHOLE_QUEUE } from './request-queue.ts'

const TYPES = [
  ['topup', 'Topups'],
  ['withdrawal', 'Withdrawals'],
  ['admin_adjustment', 'Adjustments'],
  ['refund', 'Refunds'],
] as const

const AGES = [
  ['1', 'Over an hour'],
  ['24', 'Over a day'],
  ['168', 'Over a week'],
] as const

interface FiltersProps {
  query: QueueQuery
  currencies: readonly string[]
  change: (part: Partial<QueueQuery>) => void
}

/** Filters the queue by type, currency, amount, user and age. They are in the page's address. */
export function QueueFilters({ query, currencies, change }: FiltersProps) {
  const id = useId()
  const [own = ''] = currencies
  const [user, setUser] = useState(query.userId)
  // The browser's buttons change it, too.
  useEffect(() => setUser(query.userId), [query.userId])
  const choice = (
    name: 'type' | 'age',
    label: string,
    options: readonly (readonly [value: string, text: string])[],
  ) => (
    <div class="field">
      <label for={`${id}-${name}`}>{label}</label>
      <select
        id={`${id}-${name}`}
        class="input compact"
        value={query[name]}
        onChange={(event) => change({ [name]: event.currentTarget.value })}
      >
        <option value="">All</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
  const amount = (name: 'minAmount' | 'maxAmount', label: string) => (
    <div class="field">
      <label for={`${id}-${name}`}>{label}</label>
      <input
        key={query[name]}
        id={`${id}-${name}`}
        class="input compact"
        inputMode="decimal"
        placeholder="Any"
        defaultValue={query[name]}
        onChange={(event) => {
          const text = event.currentTarget.value.trim().replace(',', '.')
          // An amount has a currency.
          change({ [name]: text, ...(text && { currency: query.currency || own }) })
        }}
      />
    </div>
  )
  return (
    <fieldset class="filters">
      <legend class="sr-only">Filter</legend>
      {choice('type', 'Type', TYPES)}
      <CurrencyFilter
        currencies={currencies}
        value={query.currency}
        change={(currency) => change({ currency })}
      />
      {amount('minAmount', 'Amount from')}
      {amount('maxAmount', 'Amount to')}
      {choice('age', 'Waits', AGES)}
      <div class="field">
        <label for={`${id}-user`}>User</label>
        <input
          id={`${id}-user`}
          class="input compact"
          type="search"
          placeholder="The whole id"
          value={user}
          onInput={(event) => setUser(event.currentTarget.value)}
          // When it is complete: a part of an id finds nothing.
          onChange={(event) => change({ userId: event.currentTarget.value.trim() })}
        />
      </div>
      {isFiltered(query) && (
        <Button kind="bare" onClick={() => change({ ...WHOLE_QUEUE, order: query.order })}>
          Clear
        </Button>
      )}
    </fieldset>
  )
}
