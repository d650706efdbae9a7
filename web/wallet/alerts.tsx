import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { AmountField, SelectField } from '../components/fields.tsx'
import { Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useAmount } from '../hooks/use-amount.ts'
import { useId } from '../hooks/use-id.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import { words } from '../lib/language.ts'
import { formatMoney } from '../lib/money.ts'
import { Problem } from '../lib/problem.ts'
import { Limits } from './limits.tsx'
import type { SectionProps } from './section.ts'

interface Monitor {
  id: string
  currency: string
  threshold: number
  direction: 'below' | 'above'
}

/** The user's balance alerts and spending limits. */
export function Alerts(props: SectionProps) {
  return (
    <>
      <BalanceAlerts {...props} />
      <Limits {...props} />
    </>
  )
}

function BalanceAlerts({ api, currency, currencies }: SectionProps) {
  const { alerts: text } = words()
  const list = useLoaded(
    (signal) => api.get<{ items: Monitor[] }>('/transactions/monitors', {}, signal),
    [api],
  )
  const [said, setSaid] = useState<string>()
  const remove = useAction(async (monitor: Monitor) => {
    setSaid(undefined)
    try {
      await api.delete(`/transactions/monitors/${monitor.id}`)
      setSaid(text.removed)
    } finally {
      list.reload()
    }
  })
  const id = useId()
  const items = list.value?.items ?? []
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{text.title}</h2>
      </div>
      <p class="soft lead">{text.lead}</p>
      {list.problem !== undefined && <Failure problem={list.problem} retry={list.reload} />}
      {remove.problem !== undefined && <Failure problem={remove.problem} />}
      {!list.value && list.loading && <Loading what={text.reading} lines={2} />}
      {list.value && items.length === 0 && <p class="soft">{text.none}</p>}
      {items.length > 0 && (
        <ul class="waiting">
          {items.map((monitor) => (
            <li key={monitor.id}>
              <strong class="money">{nameOf(monitor)}</strong>
              <Button
                kind="quiet compact"
                busy={remove.busy}
                about={monitor.id}
                label={text.removeLabel(nameOf(monitor))}
                onClick={() => void remove.run(monitor)}
              >
                {text.remove}
              </Button>
            </li>
          ))}
        </ul>
      )}
      <NewAlert
        {...{ api, currency, currencies }}
        added={() => {
          setSaid(text.added)
          list.reload()
        }}
      />
      <p role="status" class="small">
        {said}
      </p>
    </section>
  )
}

function NewAlert({
  api,
  currency: shown,
  currencies,
  added,
}: Pick<SectionProps, 'api' | 'currency' | 'currencies'> & { added: () => void }) {
  const { alerts: text } = words()
  const [chosen, setChosen] = useState<string>()
  const currency = chosen ?? shown
  const [direction, setDirection] = useState('below')
  const threshold = useAmount(currency)
  const add = useAction(async () => {
    const value = threshold.read()
    if (value === undefined) return
    await api.put('/transactions/monitors', { threshold: value, direction, currency })
    threshold.set('')
    added()
  })
  const full = add.problem instanceof Problem && add.problem.code === 'conflict'
  return (
    <form
      class="form inline"
      onSubmit={(event) => {
        event.preventDefault()
        void add.run()
      }}
    >
      <SelectField
        label={text.when}
        value={direction}
        options={[
          ['below', text.fallsBelow],
          ['above', text.risesAbove],
        ]}
        onChange={setDirection}
      />
      <AmountField
        label={text.threshold}
        amount={threshold}
        currency={currency}
        currencies={currencies}
        onCurrency={setChosen}
        onInput={add.forget}
      />
      <Button type="submit" busy={add.busy}>
        {text.add}
      </Button>
      {add.problem !== undefined && (
        <div class="wide">
          {full ? (
            <p class="notice loss" role="alert">
              {text.full}
            </p>
          ) : (
            <Failure problem={add.problem} />
          )}
        </div>
      )}
    </form>
  )
}

function nameOf({ threshold, currency, direction }: Monitor): string {
  return words().alerts[direction](formatMoney(threshold, currency))
}
