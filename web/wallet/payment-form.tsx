import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { AmountField, TextField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useAmount } from '../hooks/use-amount.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { Problem, type Shortfall, shortfallOf } from '../lib/problem.ts'
import type { Transaction } from '../lib/transaction.ts'

interface PaymentFormProps {
  api: Api
  currency: string
  currencies: readonly string[]
  setCurrency: (currency: string) => void
  /** Whether the page receives every change as it happens. Then the receipt is not announced a second time. */
  live: boolean
  done: (payment: Transaction) => void
  /** Opens the topup form with the missing amount. */
  topUp: (missing: string, currency: string) => void
}

export function PaymentForm(props: PaymentFormProps) {
  const { api, currency, currencies, setCurrency, live, done, topUp } = props
  const amount = useAmount(currency)
  const [description, setDescription] = useState('')
  const [reference, setReference] = useState('')
  const [paid, setPaid] = useState<Transaction>()
  const key = useIdempotencyKey()
  const payment = useAction(async () => {
    // Ignores the second click of a double click after a payment.
    if (paid && amount.text === '') return
    const value = amount.read()
    if (value === undefined) return
    setPaid(undefined)
    const body = {
      type: 'booking_payment',
      amount: value,
      currency,
      ...(description.trim() && { description }),
      ...(reference.trim() && { referenceId: reference, referenceType: 'booking' }),
    }
    let payment: Transaction
    try {
      payment = await api.post<Transaction>('/transactions', body, key.for(body))
    } catch (problem) {
      // After a refusal, the same payment is a new request, for example once there is enough money.
      if (problem instanceof Problem && problem.status >= 400 && problem.status < 500) key.used()
      throw problem
    }
    key.used()
    setPaid(payment)
    done(payment)
    amount.set('')
    setDescription('')
    setReference('')
  })
  const short = shortfallOf(payment.problem)

  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        void payment.run()
      }}
    >
      <AmountField
        amount={amount}
        label="Amount to pay"
        currency={currency}
        currencies={currencies}
        onCurrency={setCurrency}
        onInput={payment.forget}
      />
      <TextField
        label="What for"
        hint="optional"
        value={description}
        maxLength={500}
        placeholder="Two nights by the sea"
        onInput={setDescription}
      />
      <TextField
        label="Booking number"
        hint="optional"
        value={reference}
        maxLength={200}
        onInput={setReference}
      />
      {short && <Short {...short} topUp={topUp} />}
      {payment.problem !== undefined && !short && <Failure problem={payment.problem} />}
      <Button type="submit" busy={payment.busy}>
        Pay now
      </Button>
      <div role={live ? undefined : 'status'} class="receipt">
        {paid && (
          <p class="notice gain">
            {formatMoney(absolute(paid.amount, paid.currency), paid.currency)} paid.
          </p>
        )}
      </div>
    </form>
  )
}

function Short({
  requiredAmount,
  available,
  shortfall,
  currency,
  topUp,
}: Shortfall & { topUp: (missing: string, currency: string) => void }) {
  const missing = formatMoney(shortfall, currency)
  return (
    <div class="notice loss" role="alert" data-testid="shortfall">
      <strong>You are {missing} short</strong>
      <span>
        This payment takes {formatMoney(requiredAmount, currency)}, and you have{' '}
        {formatMoney(available, currency)} to spend. No money was taken.
      </span>
      <Button kind="quiet compact" onClick={() => topUp(String(shortfall), currency)}>
        Add {missing}
      </Button>
    </div>
  )
}
