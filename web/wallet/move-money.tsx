import { useEffect, useRef, useState } from 'preact/hooks'
import { useId } from '../hooks/use-id.ts'
import type { Api } from '../lib/api.ts'
import { words } from '../lib/language.ts'
import type { Transaction } from '../lib/transaction.ts'
import { PaymentForm } from './payment-form.tsx'
import { TopupForm } from './topup-form.tsx'

interface MoveMoneyProps {
  api: Api
  userId: string
  /** The currency that the page shows. The forms follow it. */
  currency: string
  /** The user's currencies. */
  currencies: readonly string[]
  /** Whether the page receives every change as it happens. */
  live: boolean
  /** The pending topups. */
  waiting: readonly Transaction[]
  /** Called after a topup was requested or a payment was made. */
  done: (transaction: Transaction) => void
}

const TABS = ['add', 'pay'] as const
type Tab = (typeof TABS)[number]

export function MoveMoney({ currency: shown, waiting, live, ...rest }: MoveMoneyProps) {
  const [currency, setCurrency] = useState(shown)
  useEffect(() => setCurrency(shown), [shown])
  const [tab, setTab] = useState<Tab>('add')
  const [amount, setAmount] = useState('')
  const id = useId()
  const { move: text } = words()
  const list = useRef<HTMLDivElement>(null)

  const turnTo = (next: Tab) => {
    setTab(next)
    list.current?.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus()
  }
  const turn = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    turnTo(TABS[(TABS.indexOf(tab) + 1) % TABS.length] ?? tab)
  }

  return (
    <>
      <div class="segments" role="tablist" aria-label={text.title} ref={list}>
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            data-tab={name}
            aria-selected={name === tab}
            aria-controls={`${id}-panel`}
            tabIndex={name === tab ? 0 : -1}
            onClick={() => setTab(name)}
            onKeyDown={turn}
          >
            {text[name]}
          </button>
        ))}
      </div>
      <div id={`${id}-panel`} role="tabpanel" aria-labelledby={`${id}-${tab}`}>
        {tab === 'add' ? (
          <TopupForm
            key={amount}
            {...rest}
            currency={currency}
            setCurrency={setCurrency}
            amount={amount}
            waiting={waiting}
          />
        ) : (
          <PaymentForm
            {...rest}
            currency={currency}
            setCurrency={setCurrency}
            live={live}
            topUp={(missing, currency) => {
              setAmount(missing)
              setCurrency(currency)
              // The button that was pressed is gone.
              turnTo('add')
            }}
          />
        )}
      </div>
    </>
  )
}
