import { useState } from 'preact/hooks'
import type { Api } from '../parts/api.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { AmountField, TextField } from '../parts/fields.tsx'
import { Failure } from '../parts/states.tsx'
import type { Transaction } from '../parts/transaction.ts'
import { useAction } from '../parts/use-action.ts'
import { useAmount } from '../parts/use-amount.ts'
import { useKey } from '../parts/use-key.ts'

interface AdjustDialogProps {
  api: Api
  userId: string
  /** What the user has, the first chosen. */
  currencies: readonly string[]
  close: () => void
  done: (adjustment: Transaction) => void
}

export function AdjustDialog({ api, userId, currencies, close, done }: AdjustDialogProps) {
  const [currency, setCurrency] = useState(currencies[0] ?? '')
  const amount = useAmount(currency, '', { signed: true })
  const [reason, setReason] = useState('')
  const [unsaid, setUnsaid] = useState(false)
  const key = useKey()
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
      onSubmit={() => void adjust.run()}
      onClose={close}
    >
      <AmountField
        label="Amount"
        hint="a minus sign takes money away"
        currency={currency}
        currencies={currencies}
        onCurrency={setCurrency}
        value={amount.text}
        wrong={amount.wrong}
        understood={amount.understood}
        onInput={amount.set}
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
      {adjust.problem !== undefined && <Failure problem={adjust.problem} />}
      <div class="actions">
        <Button kind="quiet" onClick={close}>
          Cancel
        </Button>
        <Button type="submit" busy={adjust.busy}>
          Adjust
        </Button>
      </div>
    </Dialog>
  )
}
