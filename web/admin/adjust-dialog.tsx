import { useState } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { AmountField, TextField } from '../components/fields.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useAmount } from '../hooks/use-amount.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import type { Transaction } from '../lib/transaction.ts'

interface AdjustDialogProps {
  api: Api
  userId: string
  /** The user's currencies. The first one is preselected. */
  currencies: readonly string[]
  close: () => void
  done: (adjustment: Transaction) => void
}

export function AdjustDialog({ api, userId, currencies, close, done }: AdjustDialogProps) {
  const [currency, setCurrency] = useState(currencies[0] ?? '')
  const amount = useAmount(currency, '', { signed: true })
  const [reason, setReason] = useState('')
  const [unsaid, setUnsaid] = useState(false)
  const key = useIdempotencyKey()
  const adjust = useAction(async () => {
    const value = amount.read()
    const description = reason.trim()
    setUnsaid(!description)
    if (value === undefined || !description) return
    const body = { userId, currency, amount: value, description }
    done(await api.post<Transaction>('/transactions/adjustment', body, key.for(body)))
  })
  return (
    <Dialog
      title={`Adjust the balance of ${userId}`}
      verb="Adjust"
      action={adjust}
      onSubmit={() => void adjust.run()}
      onClose={close}
    >
      <AmountField
        amount={amount}
        label="Amount"
        hint="a minus sign takes money away"
        currency={currency}
        currencies={currencies}
        onCurrency={setCurrency}
      />
      <TextField
        label="Reason"
        hint="kept in the ledger"
        value={reason}
        maxLength={500}
        wrong={unsaid ? 'Enter a reason. It is kept in the ledger.' : undefined}
        onInput={(value) => {
          setReason(value)
          setUnsaid(false)
        }}
      />
    </Dialog>
  )
}
