import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { AmountField, TextField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useAmount } from '../hooks/use-amount.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { decimalsOf, formatMoney } from '../lib/money.ts'
import type { Transaction } from '../lib/transaction.ts'

interface TopupFormProps {
  api: Api
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

export function TopupForm(props: TopupFormProps) {
  const { api, currency, currencies, setCurrency, amount: initial, waiting, done } = props
  const amount = useAmount(currency, initial)
  const [description, setDescription] = useState('')
  const [asked, setAsked] = useState<Transaction>()
  const key = useIdempotencyKey()
  const request = useAction(async () => {
    // Ignores the second click of a double click after a request.
    if (asked && amount.text === '') return
    const value = amount.read()
    if (value === undefined) return
    setAsked(undefined)
    const body = { amount: value, currency, ...(description.trim() && { description }) }
    const topup = await api.post<Transaction>('/transactions/topup', body, key.for(body))
    setAsked(topup)
    key.used()
    amount.set('')
    setDescription('')
    done(topup)
  })

  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        void request.run()
      }}
    >
      <AmountField
        amount={amount}
        label="Amount to add"
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
        label="Note"
        hint="optional"
        value={description}
        maxLength={500}
        onInput={setDescription}
      />
      {request.problem !== undefined && <Failure problem={request.problem} />}
      <Button type="submit" busy={request.busy}>
        Request topup
      </Button>
      <div role="status">
        {asked && waiting.some(({ id }) => id === asked.id) && (
          <p class="notice gain">
            {formatMoney(asked.amount, asked.currency)} requested. It arrives once an admin has
            approved it.
          </p>
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
