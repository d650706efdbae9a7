import { useState } from 'preact/hooks'
import type { Api } from '../parts/api.ts'
import { Button } from '../parts/button.tsx'
import { AmountField, TextField } from '../parts/fields.tsx'
import { formatMoney } from '../parts/money.ts'
import { Failure } from '../parts/states.tsx'
import type { Page, Transaction } from '../parts/transaction.ts'
import { useAction } from '../parts/use-action.ts'
import { useAmount } from '../parts/use-amount.ts'
import { useKey } from '../parts/use-key.ts'

interface TopupFormProps {
  api: Api
  currency: string
  /** To begin with. */
  amount: string
  /** Topups that wait: once it does not any more, there is nothing left to say of a request. */
  pending: Page | undefined
  done: () => void
}

const QUICK = [20, 50, 100]

export function TopupForm({ api, currency, amount: initial, pending, done }: TopupFormProps) {
  const amount = useAmount(currency, initial)
  const [description, setDescription] = useState('')
  const [asked, setAsked] = useState<Transaction>()
  const key = useKey()
  const request = useAction(async () => {
    setAsked(undefined)
    const value = amount.read()
    if (value === undefined) return
    const body = { amount: value, currency, ...(description.trim() && { description }) }
    setAsked(await api.post<Transaction>('/transactions/topup', body, key.for(body)))
    key.used()
    amount.set('')
    setDescription('')
    done()
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
        label="Amount to add"
        currency={currency}
        value={amount.text}
        wrong={amount.wrong}
        understood={amount.understood}
        onInput={amount.set}
      />
      <div class="quick">
        {QUICK.map((value) => (
          <Button key={value} kind="quiet compact" onClick={() => amount.set(String(value))}>
            {formatMoney(value, currency).replace(/[.,]00(?!\d)/, '')}
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
        {asked && pending?.items.some(({ id }) => id === asked.id) && (
          <p class="notice gain">
            {formatMoney(asked.amount, asked.currency)} requested. It arrives once an admin has
            approved it.
          </p>
        )}
      </div>
    </form>
  )
}
