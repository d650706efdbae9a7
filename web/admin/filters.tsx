import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { TextField } from '../components/fields.tsx'
import { useId } from '../hooks/use-id.ts'

/** The pause after the last keystroke before the search starts. */
const SEARCH_DELAY_MS = 200

/** The filters of a list, in a line. */
export function Filters({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <fieldset class="filters few">
      <legend class="sr-only">{label}</legend>
      {children}
    </fieldset>
  )
}

interface FilterProps {
  label: string
  value: string
  change: (value: string) => void
}

/** A text that becomes the search once nobody types. */
function useSearchText(value: string, change: (value: string) => void) {
  const [text, setText] = useState(value)
  // The browser's buttons change the search, too.
  useEffect(() => setText((text) => (text.trim() === value ? text : value)), [value])
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was typed is what starts a search
  useEffect(() => {
    if (text.trim() === value) return
    const timer = setTimeout(() => change(text.trim()), SEARCH_DELAY_MS)
    return () => clearTimeout(timer)
  }, [text])
  return [text, setText] as const
}

/** Searches while one types. */
export function SearchField({ label, hint, value, change }: FilterProps & { hint: string }) {
  const [text, setText] = useSearchText(value, change)
  return <TextField label={label} hint={hint} value={text} onInput={setText} />
}

/** The same among other filters. */
export function SearchFilter({ label, value, change }: FilterProps) {
  const id = useId()
  const [text, setText] = useSearchText(value, change)
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        class="input compact"
        type="search"
        maxLength={255}
        autocomplete="off"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </div>
  )
}

interface ChoiceFilterProps extends FilterProps {
  /** The text of no choice. */
  all?: string
  options: readonly (readonly [value: string, text: string])[]
}

export function ChoiceFilter({ label, value, change, all = 'All', options }: ChoiceFilterProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        class="input compact"
        value={value}
        onChange={(event) => change(event.currentTarget.value)}
      >
        <option value="">{all}</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}
