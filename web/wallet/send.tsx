import { useEffect, useState } from 'preact/hooks'
import { AmountField, TextField } from '../components/fields.tsx'
import { useAmount } from '../hooks/use-amount.ts'
import { posting, useOrder } from '../hooks/use-order.ts'
import { words } from '../lib/language.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import type { Transaction } from '../lib/transaction.ts'
import { OrderForm } from './order-form.tsx'
import type { SectionProps } from './section.ts'

interface Transfer {
  toUserId: string
  amount: string
  currency: string
  description?: string
}

/** Sends money to another user. */
export function Send({ api, userId, currency: shown, currencies, live, done }: SectionProps) {
  const { send: text, common } = words()
  const [currency, setCurrency] = useState(shown)
  useEffect(() => setCurrency(shown), [shown])
  const amount = useAmount(currency)
  const [to, setTo] = useState('')
  const [toWrong, setToWrong] = useState<string>()
  const [description, setDescription] = useState('')
  const [sent, setSent] = useState<Transaction>()
  const order = useOrder<Transfer, Transaction>(
    `transfer.${userId}`,
    posting<Transaction>(api, '/transactions/transfer'),
    (transfer) => {
      setSent(transfer)
      setTo('')
      amount.set('')
      setDescription('')
      done(transfer)
    },
  )
  const read = (): Transfer | undefined => {
    setSent(undefined)
    const toUserId = to.trim()
    setToWrong(toUserId === '' ? text.toMissing : undefined)
    const value = amount.read()
    if (toUserId === '' || value === undefined) return undefined
    return {
      toUserId,
      amount: value,
      currency,
      ...(description.trim() && { description: description.trim() }),
    }
  }

  return (
    <section class="card form" aria-label={text.title}>
      <p class="soft">{text.lead}</p>
      <OrderForm
        order={order}
        read={read}
        ask={({ amount, currency, toUserId }) => {
          const money = formatMoney(amount, currency)
          return { title: text.confirmTitle(money), text: text.confirm(money, toUserId) }
        }}
        verb={text.submit}
        next={text.next}
      >
        <TextField
          label={text.to}
          hint={text.toHint}
          value={to}
          wrong={toWrong}
          maxLength={255}
          onInput={(value) => {
            setTo(value)
            setToWrong(undefined)
          }}
        />
        <AmountField
          amount={amount}
          label={text.amount}
          currency={currency}
          currencies={currencies}
          onCurrency={setCurrency}
        />
        <TextField
          label={common.note}
          hint={common.optional}
          value={description}
          maxLength={500}
          onInput={setDescription}
        />
      </OrderForm>
      <div role={live ? undefined : 'status'} class="receipt">
        {sent && (
          <p class="notice gain breakable">
            {text.sent(
              formatMoney(absolute(sent.amount, sent.currency), sent.currency),
              String(sent.metadata?.toUserId ?? ''),
            )}
          </p>
        )}
      </div>
    </section>
  )
}
