import { useState } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { AmountField, TextField } from '../components/fields.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useAmount } from '../hooks/use-amount.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { leftToRefund, type Transaction } from '../lib/transaction.ts'

interface RefundDialogProps {
  api: Api
  payment: Transaction
  close: () => void
  done: (refund: Transaction) => void
}

export function RefundDialog({ api, payment, close, done }: RefundDialogProps) {
  const { id, userId, currency, refundedAmount } = payment
  const money = (value: number | string) => formatMoney(value, currency)
  const amount = useAmount(currency)
  const [description, setDescription] = useState('')
  const key = useIdempotencyKey()
  const refund = useAction(async () => {
    // Without an amount the server refunds the rest of the payment.
    const value = amount.text.trim() === '' ? undefined : amount.read()
    if (value === undefined && amount.text.trim() !== '') return
    const body = {
      ...(value !== undefined && { amount: value }),
      ...(description.trim() && { description: description.trim() }),
    }
    done(await api.post<Transaction>(`/transactions/${id}/refund`, body, key.for(body)))
  })
  return (
    <Dialog
      title={`Refund ${userId}`}
      verb="Refund"
      action={refund}
      onSubmit={() => void refund.run()}
      onClose={close}
    >
      <p class="soft">
        The payment was {money(absolute(payment.amount, currency))}
        {payment.description && <> for “{payment.description}”</>}.
        {refundedAmount &&
          ` ${money(refundedAmount)} was refunded, ${money(leftToRefund(payment) ?? 0)} is left.`}
      </p>
      <AmountField
        amount={amount}
        label="Amount to refund"
        hint="empty for all that is left"
        placeholder="All"
        currency={currency}
      />
      <TextField
        label="Note"
        hint="the user sees it"
        value={description}
        maxLength={500}
        onInput={setDescription}
      />
    </Dialog>
  )
}
