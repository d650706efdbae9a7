import { useEffect, useState } from 'preact/hooks'
import type { Api } from '../parts/api.ts'
import { Button } from '../parts/button.tsx'
import { TextField } from '../parts/fields.tsx'
import { formatMoney } from '../parts/money.ts'
import { explain, Problem } from '../parts/problem.ts'
import { ago, fullTime } from '../parts/time.ts'
import { type Transaction, typeName } from '../parts/transaction.ts'
import { useAction } from '../parts/use-action.ts'
import { hrefOf } from './use-place.ts'

interface PendingRequestProps {
  api: Api
  /** A topup or a withdrawal. */
  request: Transaction
  /** The admin asked for it, so that another one has to decide it. */
  own: boolean
  decided: (approved: boolean) => void
  /** Somebody else decided it first. */
  gone: () => void
}

export function PendingRequest({ api, request, own, decided, gone }: PendingRequestProps) {
  const [note, setNote] = useState('')
  const { id, type, userId, amount, currency, description, createdAt } = request
  const money = formatMoney(Math.abs(amount), currency)
  const what =
    type === 'withdrawal' ? `the withdrawal of ${money} by ${userId}` : `${money} for ${userId}`
  const decision = useAction(async (status: 'success' | 'failed') => {
    await api.patch(`/transactions/${type}/${id}/process`, {
      status,
      ...(note.trim() && { adminNotes: note.trim() }),
    })
    decided(status === 'success')
  })
  const quicker =
    decision.problem instanceof Problem && decision.problem.code === 'already_processed'
  useEffect(() => {
    if (!quicker) return
    const timer = setTimeout(gone, 4_000)
    return () => clearTimeout(timer)
  }, [quicker, gone])

  return (
    <li class="card request fresh" data-request={id}>
      <div>
        <div class="sum money">
          {money} <span class="chip">{typeName(type)}</span>
        </div>
        <div class="small breakable">
          <a href={hrefOf('users', userId)}>{userId}</a>{' '}
          <time class="soft" dateTime={createdAt} title={fullTime(createdAt)}>
            {ago(createdAt)}
          </time>
        </div>
        {description && <p class="small soft breakable">“{description}”</p>}
      </div>
      <TextField
        label="Note"
        hint="the user sees it"
        value={note}
        maxLength={1000}
        onInput={setNote}
      />
      <div class="verdict">
        <Button
          busy={decision.busy}
          idle={own}
          label={`Approve ${what}`}
          onClick={() => void decision.run('success')}
        >
          Approve
        </Button>
        <Button
          kind="danger"
          busy={decision.busy}
          idle={own}
          label={`Reject ${what}`}
          onClick={() => void decision.run('failed')}
        >
          Reject
        </Button>
      </div>
      {own && (
        <p class="small soft wide">You asked for this one, so another admin has to decide it.</p>
      )}
      {decision.problem !== undefined && (
        <p class="notice loss wide" role="alert">
          {explain(decision.problem)}
        </p>
      )}
    </li>
  )
}
