import { useEffect, useState } from 'preact/hooks'
import { AmountField, TextField } from '../components/fields.tsx'
import { useAmount } from '../hooks/use-amount.ts'
import { posting, useOrder } from '../hooks/use-order.ts'
import { words } from '../lib/language.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { ago, fullTime } from '../lib/time.ts'
import type { Transaction } from '../lib/transaction.ts'
import { OrderForm } from './order-form.tsx'
import { PendingList } from './pending-list.tsx'
import type { SectionProps } from './section.ts'

interface Withdrawal {
  amount: string
  currency: string
  description?: string
}

/** Requests a withdrawal, and lists those that wait. */
export function Withdraw(props: SectionProps) {
  const { api, userId, currency: shown, currencies, version, done } = props
  const { withdraw: text, common } = words()
  const [currency, setCurrency] = useState(shown)
  useEffect(() => setCurrency(shown), [shown])
  const amount = useAmount(currency)
  const [description, setDescription] = useState('')
  const [requested, setRequested] = useState<Transaction>()
  const order = useOrder<Withdrawal, Transaction>(
    `withdrawal.${userId}`,
    posting<Transaction>(api, '/transactions/withdrawal'),
    (withdrawal) => {
      setRequested(withdrawal)
      amount.set('')
      setDescription('')
      done(withdrawal)
    },
  )
  const read = (): Withdrawal | undefined => {
    setRequested(undefined)
    const value = amount.read()
    if (value === undefined) return undefined
    return {
      amount: value,
      currency,
      ...(description.trim() && { description: description.trim() }),
    }
  }
  const moneyOf = ({ amount, currency }: Transaction) =>
    formatMoney(absolute(amount, currency), currency)

  return (
    <>
      <section class="card form" aria-label={text.title}>
        <p class="soft">{text.lead}</p>
        <OrderForm
          order={order}
          read={read}
          ask={({ amount, currency }) => {
            const money = formatMoney(amount, currency)
            return { title: text.confirmTitle(money), text: text.confirm(money) }
          }}
          verb={text.submit}
          next={text.next}
        >
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
            placeholder={text.noteExample}
            onInput={setDescription}
          />
        </OrderForm>
        <div role="status" class="receipt">
          {requested && <p class="notice gain">{text.requested(moneyOf(requested))}</p>}
        </div>
      </section>
      <PendingList
        {...{ api, version }}
        type="withdrawal"
        title={text.pendingTitle}
        reading={text.reading}
        empty={<p class="soft">{text.none}</p>}
        key={shown}
        currency={currencies.length > 1 ? shown : undefined}
        row={(item) => (
          <div>
            <strong class="money">{moneyOf(item)}</strong>
            <div class="small soft breakable">
              <time dateTime={item.createdAt} title={fullTime(item.createdAt)}>
                {ago(item.createdAt)}
              </time>
              {item.description && ` · ${item.description}`}
            </div>
          </div>
        )}
      />
    </>
  )
}
