import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { AmountField, TextField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAmount } from '../hooks/use-amount.ts'
import { posting, useOrder } from '../hooks/use-order.ts'
import type { Api } from '../lib/api.ts'
import { words } from '../lib/language.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { isUnknownOutcome, type Shortfall, shortfallOf } from '../lib/problem.ts'
import type { Transaction } from '../lib/transaction.ts'
import { Unanswered } from './unanswered.tsx'

interface PaymentFormProps {
  api: Api
  userId: string
  currency: string
  currencies: readonly string[]
  setCurrency: (currency: string) => void
  /** Whether the page receives every change as it happens. Then the receipt is not announced a second time. */
  live: boolean
  done: (payment: Transaction) => void
  /** Opens the topup form with the missing amount. */
  topUp: (missing: string, currency: string) => void
}

interface Payment {
  type: 'booking_payment'
  amount: string
  currency: string
  description?: string
  referenceId?: string
  referenceType?: 'booking'
}

export function PaymentForm(props: PaymentFormProps) {
  const { api, userId, currency, currencies, setCurrency, live, done, topUp } = props
  const amount = useAmount(currency)
  const [description, setDescription] = useState('')
  const [reference, setReference] = useState('')
  const [paid, setPaid] = useState<Transaction>()
  const payment = useOrder<Payment, Transaction>(
    `payment.${userId}`,
    posting(api, '/transactions'),
    (made) => {
      setPaid(made)
      done(made)
      amount.set('')
      setDescription('')
      setReference('')
    },
  )
  const { unanswered } = payment
  const pay = () => {
    // Ignores the second click of a double click after a payment.
    if (unanswered || (paid && amount.text === '')) return
    const value = amount.read()
    if (value === undefined) return
    setPaid(undefined)
    void payment.run({
      type: 'booking_payment',
      amount: value,
      currency,
      ...(description.trim() && { description }),
      ...(reference.trim() && { referenceId: reference, referenceType: 'booking' }),
    })
  }
  const short = shortfallOf(payment.problem)
  const { move: text } = words()

  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        pay()
      }}
    >
      <AmountField
        amount={amount}
        label={text.payAmount}
        currency={currency}
        currencies={currencies}
        onCurrency={setCurrency}
        onInput={payment.forget}
      />
      <TextField
        label={text.whatFor}
        hint={words().common.optional}
        value={description}
        maxLength={500}
        placeholder={text.whatForExample}
        onInput={setDescription}
      />
      <TextField
        label={text.booking}
        hint={words().common.optional}
        value={reference}
        maxLength={200}
        onInput={setReference}
      />
      {short && <Short {...short} topUp={topUp} />}
      {payment.problem !== undefined && !short && !isUnknownOutcome(payment.problem) && (
        <Failure problem={payment.problem} />
      )}
      {unanswered ? (
        <Unanswered
          what={`${text.pay}: ${formatMoney(unanswered.amount, unanswered.currency)}.`}
          busy={payment.busy}
          retry={() => void payment.run(unanswered)}
        />
      ) : (
        <Button type="submit" busy={payment.busy}>
          {text.payNow}
        </Button>
      )}
      <div role={live ? undefined : 'status'} class="receipt">
        {paid && (
          <p class="notice gain">
            {text.paid(formatMoney(absolute(paid.amount, paid.currency), paid.currency))}
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
  const { move: text } = words()
  return (
    <div class="notice loss" role="alert" data-testid="shortfall">
      <strong>{text.short(missing)}</strong>
      <span>
        {text.shortDetails(formatMoney(requiredAmount, currency), formatMoney(available, currency))}
      </span>
      <Button kind="quiet compact" onClick={() => topUp(String(shortfall), currency)}>
        {text.addMissing(missing)}
      </Button>
    </div>
  )
}
