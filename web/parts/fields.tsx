import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

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

export function AmountField({ currency, ...props }: FieldProps & { currency: string }) {
  const { value, onInput, placeholder } = props
  return (
    <Labelled {...props}>
      {(control) => (
        <div class="amount">
          <input
            {...control}
            value={value}
            inputMode="decimal"
            autocomplete="off"
            placeholder={placeholder ?? '0'}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
          <span class="unit" aria-hidden="true">
            {currency}
          </span>
        </div>
      )}
    </Labelled>
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
  children,
}: FieldProps & { children: (control: Control) => ComponentChildren }) {
  const id = useId()
  const about = wrong ? `${id}-wrong` : undefined
  return (
    <div class="field">
      <label for={id}>
        {label} {hint && <span class="hint">({hint})</span>}
      </label>
      {children({ id, class: 'input', 'aria-invalid': Boolean(wrong), 'aria-describedby': about })}
      {wrong && (
        <span id={about} class="error-text" role="alert">
          {wrong}
        </span>
      )}
    </div>
  )
}
