import { useId } from 'preact/hooks'
import { Button } from './button.tsx'
import { dayStart } from './time.ts'
import { STATUS_NAMES, TYPE_NAMES } from './transaction.ts'

export type StatementQuery = Record<string, string | undefined>

/** As it stands in the fields: days are days here, and empty is all. */
export type StatementFilter = typeof NO_FILTER

export const NO_FILTER = { type: '', status: '', from: '', to: '' }

export function toQuery({ type, status, from, to }: StatementFilter): StatementQuery {
  return {
    type,
    status,
    from: from && dayStart(from),
    // The last day counts in whole.
    to: to && dayStart(to, 1),
  }
}

/** Which transactions to show: of a type, of a status, between two days. */
export function StatementFilters({
  filter,
  change,
}: {
  filter: StatementFilter
  change: (part: Partial<StatementFilter>) => void
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
