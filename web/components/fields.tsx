import type { ComponentChildren } from 'preact'
import { CURRENCIES } from '../../src/lib/currencies.ts'
import type { Amount } from '../hooks/use-amount.ts'
import { useId } from '../hooks/use-id.ts'
import { words } from '../lib/language.ts'

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

/** A line of text or a calendar day, or several lines with `rows`. */
export function TextField({
  rows,
  type = 'text',
  ...props
}: FieldProps & { rows?: number; type?: 'text' | 'date' }) {
  const { value, onInput, placeholder, maxLength } = props
  return (
    <Labelled {...props}>
      {(control) =>
        rows === undefined ? (
          <input
            {...control}
            {...(type === 'date' ? { type } : { type })}
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

interface SelectFieldProps extends Pick<FieldProps, 'label' | 'hint' | 'value'> {
  /** Values and their texts. */
  options: readonly (readonly [value: string, text: string])[]
  onChange: (value: string) => void
}

export function SelectField({ options, value, onChange, ...props }: SelectFieldProps) {
  return (
    <Labelled {...props}>
      {(control) => (
        <select
          {...control}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value)}
        >
          {options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  )
}

interface CurrencyFieldProps extends Pick<FieldProps, 'label' | 'hint' | 'value'> {
  /** The text of no currency. Without it, one must be chosen. */
  none?: string
  onChange: (currency: string) => void
}

/** A choice of one currency of all. */
export function CurrencyField({ none, value, onChange, ...props }: CurrencyFieldProps) {
  return (
    <Labelled {...props}>
      {(control) => (
        <select
          {...control}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value)}
        >
          {none !== undefined && <option value="">{none}</option>}
          <CurrencyOptions first={value ? [value] : []} others />
        </select>
      )}
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
      note={understood && words().common.understood(understood)}
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
              aria-label={words().common.currency}
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
      {rest.length > 0 && (
        <optgroup label={words().common.otherCurrencies}>{rest.map(option)}</optgroup>
      )}
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
