import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { CURRENCIES } from '../../src/lib/currencies.ts'

interface FieldProps {
  label: string
  hint?: string
  value: string
  onInput: (value: string) => void
  /** What is wrong with it, in words. */
  wrong?: string | undefined
  placeholder?: string
  maxLength?: number
}

/** A line of text, or several with `rows`. */
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

interface AmountFieldProps extends FieldProps {
  currency: string
  /** How the text is understood, in words: it stands below before anything is sent. */
  understood?: string | undefined
  /** Currencies to choose from, besides all others; without it, the currency is given. */
  currencies?: readonly string[] | undefined
  onCurrency?: (currency: string) => void
}

/** A field for an amount, and for its currency where there is a choice. */
export function AmountField({ currency, understood, ...props }: AmountFieldProps) {
  const { value, onInput, placeholder, currencies, onCurrency } = props
  return (
    <Labelled {...props} note={understood && `Understood as ${understood}`}>
      {(control) => (
        <div class={`amount ${currencies ? 'choice' : ''}`}>
          <input
            {...control}
            value={value}
            inputMode="decimal"
            autocomplete="off"
            placeholder={placeholder ?? '0'}
            onInput={(event) => onInput(event.currentTarget.value)}
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

/** Options of a `select`: the currencies that matter here, then all others if they can be chosen too. */
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
}: FieldProps & {
  /** A word about what was typed, as long as nothing is wrong. */
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
