import { useId, useRef, useState } from 'preact/hooks'
import type { Api } from '../parts/api.ts'
import type { Page } from '../parts/transaction.ts'
import { PaymentForm } from './payment-form.tsx'
import { TopupForm } from './topup-form.tsx'

interface MoveMoneyProps {
  api: Api
  currency: string
  /** Topups that wait. */
  pending: Page | undefined
  /** Something was asked for or moved. */
  done: () => void
}

const TABS = ['Add money', 'Pay'] as const
type Tab = (typeof TABS)[number]

export function MoveMoney({ api, currency, pending, done }: MoveMoneyProps) {
  const [tab, setTab] = useState<Tab>('Add money')
  const [amount, setAmount] = useState('')
  const id = useId()
  const list = useRef<HTMLDivElement>(null)

  const turn = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    const next = TABS[(TABS.indexOf(tab) + 1) % TABS.length] ?? tab
    setTab(next)
    list.current?.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus()
  }

  return (
    <section class="card form" aria-label="Move money">
      <div class="segments" role="tablist" aria-label="Move money" ref={list}>
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name === 'Pay' ? 'pay' : 'add'}`}
            data-tab={name}
            aria-selected={name === tab}
            aria-controls={`${id}-panel`}
            tabIndex={name === tab ? 0 : -1}
            onClick={() => setTab(name)}
            onKeyDown={turn}
          >
            {name}
          </button>
        ))}
      </div>
      <div
        id={`${id}-panel`}
        role="tabpanel"
        aria-labelledby={`${id}-${tab === 'Pay' ? 'pay' : 'add'}`}
      >
        {tab === 'Add money' ? (
          <TopupForm
            key={amount}
            api={api}
            currency={currency}
            amount={amount}
            pending={pending}
            done={done}
          />
        ) : (
          <PaymentForm
            api={api}
            currency={currency}
            done={done}
            topUp={(missing) => {
              setAmount(missing)
              setTab('Add money')
            }}
          />
        )}
      </div>
    </section>
  )
}
