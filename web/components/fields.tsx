import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { CURRENCIES } from '../../src/lib/currencies.ts'
import type { Amount } from '../hooks/use-amount.ts'

interface FieldProps {
  label: string
  hint?: string
  value: string
  onInput: (value: string) => void
  /** The error message. */
  wrong?: string | undefined
  placeholder?: string
  maxLength?: number
}

/** A line of text, or several lines with `rows`. */
export function TextField({ rows, ...props }: FieldProps & { rows?: number }) {
  const { value, onInput, placeholder, maxLength } = props
  return (
    <Labelled {...props}>
      {(control) =>
        rows === undefined ? (
          <input
            {...control}
            value={value}
            placeholder={placeholder}
            maxLength={maxLength}
            autocomplete="off"
            onInput={(event) => onInput(event.currentTarget.value)}
          />
        ) : (
          <textarea
            {...control}
            rows={rows}
            value={value}
            placeholder={placeholder}
            maxLength={maxLength}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
        )
      }
    </Labelled>
  )
}

interface AmountFieldProps {
  label: string
  hint?: string
  placeholder?: string
  /** The page shows below the field how it understands the text, before anything is sent. */
  amount: Amount
  currency: string
  /** The currencies at the top of the list. Without it, the currency is fixed. */
  currencies?: readonly string[] | undefined
  onCurrency?: (currency: string) => void
  onInput?: () => void
}

/** A field for an amount, and for its currency if there is a choice. */
export function AmountField({ label, hint, amount, currency, ...props }: AmountFieldProps) {
  const { onInput, placeholder = '0', currencies, onCurrency } = props
  const { text, wrong, understood } = amount
  return (
    <Labelled
      label={label}
      hint={hint}
      wrong={wrong}
      note={understood && `Understood as ${understood}`}
    >
      {(control) => (
        <div class={`amount ${currencies ? 'choice' : ''}`}>
          <input
            {...control}
            value={text}
            inputMode="decimal"
            autocomplete="off"
            placeholder={placeholder}
            onInput={(event) => {
              amount.set(event.currentTarget.value)
              onInput?.()
            }}
          />
          {currencies ? (
            <select
              class="unit"
              aria-label="Currency"
              value={currency}
              onChange={(event) => onCurrency?.(event.currentTarget.value)}
            >
              <CurrencyOptions first={currencies} others />
            </select>
          ) : (
            <span class="unit" aria-hidden="true">
              {currency}
            </span>
          )}
        </div>
      )}
    </Labelled>
  )
}

/** The options of a `select`: the currencies in `first`, then all others if `others` is true. */
export function CurrencyOptions({
  first,
  others = false,
}: {
  first: readonly string[]
  others?: boolean
}) {
  const option = (code: string) => (
    <option key={code} value={code}>
      {code}
    </option>
  )
  const rest = others ? [...CURRENCIES.keys()].filter((code) => !first.includes(code)).sort() : []
  return (
    <>
      {first.map(option)}
      {rest.length > 0 && <optgroup label="Others">{rest.map(option)}</optgroup>}
    </>
  )
}

type Control = {
  id: string
  class: string
  'aria-invalid': boolean
  'aria-describedby': string | undefined
}

function Labelled({
  label,
  hint,
  wrong,
  note,
  children,
}: {
  label: string
  hint?: string | undefined
  wrong?: string | undefined
  /** Shown below the field while nothing is wrong. */
  note?: string | undefined
  children: (control: Control) => ComponentChildren
}) {
  const id = useId()
  const about = wrong ? `${id}-wrong` : note ? `${id}-note` : undefined
  return (
    <div class="field">
      <label for={id}>
        {label} {hint && <span class="hint">({hint})</span>}
      </label>
      {children({ id, class: 'input', 'aria-invalid': Boolean(wrong), 'aria-describedby': about })}
      {note && !wrong && (
        <span id={about} class="small soft figure">
          {note}
        </span>
      )}
      {wrong && (
        <span id={about} class="error-text" role="alert">
          {wrong}
        </span>
      )}
    </div>
  )
}
