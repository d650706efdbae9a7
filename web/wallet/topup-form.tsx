import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { AmountField, TextField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAmount } from '../hooks/use-amount.ts'
import { posting, useOrder } from '../hooks/use-order.ts'
import type { Api } from '../lib/api.ts'
import { words } from '../lib/language.ts'
import { decimalsOf, formatMoney } from '../lib/money.ts'
import { isUnknownOutcome } from '../lib/problem.ts'
import type { Transaction } from '../lib/transaction.ts'
import { Unanswered } from './unanswered.tsx'

interface TopupFormProps {
  api: Api
  userId: string
  currency: string
  currencies: readonly string[]
  setCurrency: (currency: string) => void
  /** The initial amount. */
  amount: string
  /** The pending topups. The confirmation of a request disappears when the request is decided. */
  waiting: readonly Transaction[]
  done: (topup: Transaction) => void
}

const QUICK = [20, 50, 100]

interface Topup {
  amount: string
  currency: string
  description?: string
}

export function TopupForm(props: TopupFormProps) {
  const { api, userId, currency, currencies, setCurrency, amount: initial, waiting, done } = props
  const { move: text } = words()
  const amount = useAmount(currency, initial)
  const [description, setDescription] = useState('')
  const [asked, setAsked] = useState<Transaction>()
  const request = useOrder<Topup, Transaction>(
    `topup.${userId}`,
    posting(api, '/transactions/topup'),
    (topup) => {
      setAsked(topup)
      amount.set('')
      setDescription('')
      done(topup)
    },
  )
  const { unanswered } = request
  const ask = () => {
    // Ignores the second click of a double click after a request.
    if (unanswered || (asked && amount.text === '')) return
    const value = amount.read()
    if (value === undefined) return
    setAsked(undefined)
    void request.run({
      ...{ amount: value, currency },
      ...(description.trim() && { description }),
    })
  }

  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        ask()
      }}
    >
      <AmountField
        amount={amount}
        label={text.addAmount}
        currency={currency}
        currencies={currencies}
        onCurrency={setCurrency}
      />
      <div class="quick">
        {quickOf(currency).map((value) => (
          <Button key={value} kind="quiet compact" onClick={() => amount.set(String(value))}>
            {withoutZeros(formatMoney(value, currency), decimalsOf(currency))}
          </Button>
        ))}
      </div>
      <TextField
        label={words().common.note}
        hint={words().common.optional}
        value={description}
        maxLength={500}
        onInput={setDescription}
      />
      {request.problem !== undefined && !isUnknownOutcome(request.problem) && (
        <Failure problem={request.problem} />
      )}
      {unanswered ? (
        <Unanswered
          what={`${text.add}: ${formatMoney(unanswered.amount, unanswered.currency)}.`}
          busy={request.busy}
          retry={() => void request.run(unanswered)}
        />
      ) : (
        <Button type="submit" busy={request.busy}>
          {text.request}
        </Button>
      )}
      <div role="status">
        {asked && waiting.some(({ id }) => id === asked.id) && (
          <p class="notice gain">{text.requested(formatMoney(asked.amount, asked.currency))}</p>
        )}
      </div>
    </form>
  )
}

/** Currencies without decimals get amounts that are 100 times as large. */
const quickOf = (currency: string) =>
  decimalsOf(currency) === 0 ? QUICK.map((value) => value * 100) : QUICK

const withoutZeros = (money: string, decimals: number) =>
  decimals === 0 ? money : money.replace(new RegExp(`[.,٫][0٠۰]{${decimals}}(?!\\p{Nd})`, 'u'), '')
