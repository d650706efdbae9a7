import { type ComponentChildren, Fragment } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Failure } from '../components/states.tsx'
import type { Action } from '../hooks/use-action.ts'
import { useId } from '../hooks/use-id.ts'
import { words } from '../lib/language.ts'
import { readAmount, type TypedAmount } from '../lib/typed-amount.ts'
import type { PushRules, PushState, QuietHours, Threshold } from './use-push.ts'

interface PushSettingsProps {
  state: PushState
  currencies: readonly string[]
  save: Action<[{ rules: PushRules; quietHours: QuietHours | null }]>
}

const NIGHT = { from: '22:00', to: '07:00' }

/** What the user is told, and when not. */
export function PushSettings({ state, currencies, save }: PushSettingsProps) {
  const { push: text } = words()
  const [rules, setRules] = useState(state.rules)
  const [quiet, setQuiet] = useState(state.quietHours)
  const [saved, setSaved] = useState(false)
  const set = (change: Partial<PushRules>) => {
    setSaved(false)
    setRules((rules) => ({ ...rules, ...change }))
  }
  const atLeast = useThresholds(rules.changes.atLeast, currencies)
  const below = useThresholds(rules.lowBalance.below, currencies)
  const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone

  const submit = async () => {
    const changes = { on: rules.changes.on, atLeast: atLeast.read() }
    const low = { on: rules.lowBalance.on, below: below.read() }
    if (!changes.atLeast || !low.below) return
    const next = {
      rules: {
        ...rules,
        changes: { ...changes, atLeast: changes.atLeast },
        lowBalance: { ...low, below: low.below },
      },
      quietHours: quiet,
    }
    setSaved(await save.run(next))
  }

  return (
    <form
      class="stack"
      onInput={() => setSaved(false)}
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <fieldset class="field choices">
        <legend>{text.rules}</legend>
        <Choice on={rules.changes.on} set={(on) => set({ changes: { ...rules.changes, on } })}>
          {text.changes}
        </Choice>
        {rules.changes.on && (
          <ThresholdFields {...atLeast} label={text.changesFrom} hint={text.changesHint} />
        )}
        <Choice
          on={rules.lowBalance.on}
          set={(on) => set({ lowBalance: { ...rules.lowBalance, on } })}
        >
          {text.lowBalance}
        </Choice>
        {rules.lowBalance.on && <ThresholdFields {...below} label={text.lowBelow} />}
        <Choice on={rules.paymentFailed.on} set={(on) => set({ paymentFailed: { on } })}>
          {text.paymentFailed}
        </Choice>
        <Choice on={rules.topups.on} set={(on) => set({ topups: { on } })}>
          {text.topups}
        </Choice>
      </fieldset>
      <fieldset class="field choices">
        <legend class="sr-only">{text.quiet}</legend>
        <Choice
          on={quiet !== null}
          set={(on) => {
            setSaved(false)
            setQuiet(on ? { ...NIGHT, timeZone: ownZone } : null)
          }}
        >
          {text.quiet}
        </Choice>
        {quiet && (
          <>
            <div class="push-times">
              {(['from', 'to'] as const).map((edge) => (
                <Fragment key={edge}>
                  <label>
                    {text[edge]}{' '}
                    <input
                      class="input"
                      type="time"
                      required
                      value={quiet[edge]}
                      onInput={(event) =>
                        setQuiet({ ...quiet, timeZone: ownZone, [edge]: event.currentTarget.value })
                      }
                    />
                  </label>
                </Fragment>
              ))}
            </div>
            <span class="small soft">{text.quietHint(quiet.timeZone.replaceAll('_', ' '))}</span>
          </>
        )}
      </fieldset>
      {save.problem !== undefined && <Failure problem={save.problem} />}
      <div class="push-save">
        <Button type="submit" kind="quiet" busy={save.busy}>
          {text.save}
        </Button>
        <span role="status">{saved && text.saved}</span>
      </div>
    </form>
  )
}

function Choice(props: { on: boolean; set: (on: boolean) => void; children: ComponentChildren }) {
  return (
    <label class="choice-line">
      <input
        type="checkbox"
        checked={props.on}
        onChange={(event) => props.set(event.currentTarget.checked)}
      />{' '}
      {props.children}
    </label>
  )
}

interface Field {
  currency: string
  text: string
  wrong: string | undefined
}

/** A text for each of the user's currencies. An empty one is no threshold. */
function useThresholds(known: readonly Threshold[], currencies: readonly string[]) {
  const [texts, setTexts] = useState<Record<string, string>>(() =>
    Object.fromEntries(known.map(({ currency, amount }) => [currency, String(amount)])),
  )
  const [checked, setChecked] = useState(false)
  const all = [...new Set([...currencies, ...known.map(({ currency }) => currency)])]
  const typed = all.map((currency) => {
    const text = texts[currency] ?? ''
    const { amount, wrong }: Partial<TypedAmount> =
      text.trim() === '' ? {} : readAmount(text, currency)
    return { currency, text, amount, wrong }
  })
  return {
    fields: typed.map(({ currency, text, wrong }): Field => {
      return { currency, text, wrong: checked ? wrong : undefined }
    }),
    set: (currency: string, text: string) => {
      setChecked(false)
      setTexts((texts) => ({ ...texts, [currency]: text }))
    },
    /** Undefined if one is wrong, which the fields say then. */
    read(): Threshold[] | undefined {
      setChecked(true)
      if (typed.some(({ wrong }) => wrong !== undefined)) return undefined
      return typed.flatMap(({ currency, amount }) =>
        amount === undefined ? [] : [{ currency, amount: amount as unknown as number }],
      )
    },
  }
}

interface ThresholdFieldsProps {
  fields: readonly Field[]
  set: (currency: string, text: string) => void
  label: (currency: string) => string
  hint?: string
}

function ThresholdFields({ fields, set, label, hint }: ThresholdFieldsProps) {
  const id = useId()
  return (
    <div class="push-amounts">
      {fields.map(({ currency, text, wrong }) => (
        <div class="field" key={currency}>
          <label for={`${id}-${currency}`}>
            {label(currency)} {hint && <span class="hint">({hint})</span>}
          </label>
          <input
            id={`${id}-${currency}`}
            class="input"
            inputMode="decimal"
            autocomplete="off"
            value={text}
            aria-invalid={wrong !== undefined}
            aria-describedby={wrong ? `${id}-${currency}-wrong` : undefined}
            onInput={(event) => set(currency, event.currentTarget.value)}
          />
          {wrong && (
            <span id={`${id}-${currency}-wrong`} class="error-text" role="alert">
              {wrong}
            </span>
          )}
        </div>
      ))}
    </div>
  )
}
