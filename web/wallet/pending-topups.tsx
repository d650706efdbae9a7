import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useId } from '../hooks/use-id.ts'
import type { Loaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { words } from '../lib/language.ts'
import { formatMoney } from '../lib/money.ts'
import { formatCount } from '../lib/number.ts'
import { ago, fullTime } from '../lib/time.ts'
import type { Page, Transaction } from '../lib/transaction.ts'

interface PendingProps {
  api: Api
  pending: Loaded<Page>
  waiting: readonly Transaction[]
  done: (topup?: Transaction) => void
}

interface PendingTopupProps extends Pick<PendingProps, 'api' | 'done'> {
  topup: Transaction
  failed: (problem: unknown) => void
}

/** The topups that wait for a decision. */
export function PendingTopups({ api, pending, waiting: items, done }: PendingProps) {
  const id = useId()
  const { pending: text } = words()
  // Of the last attempt to cancel one. It outlives the row, which is gone if somebody decided meanwhile.
  const [problem, failed] = useState<unknown>()
  if (items.length === 0 && pending.problem === undefined) return null
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{text.title}</h2>
        <span class="chip wait">{formatCount(items.length)}</span>
      </div>
      {pending.problem !== undefined && (
        <Failure problem={pending.problem} retry={pending.reload} />
      )}
      {problem !== undefined && <Failure problem={problem} />}
      <ul class="waiting">
        {items.map((topup) => (
          <PendingTopup key={topup.id} {...{ api, topup, done, failed }} />
        ))}
      </ul>
    </section>
  )
}

/** Each has an action of its own: an event may take one away before the request to cancel it is answered. */
function PendingTopup({ api, topup, done, failed }: PendingTopupProps) {
  const { pending: text } = words()
  const money = formatMoney(topup.amount, topup.currency)
  const cancel = useAction(async () => {
    failed(undefined)
    try {
      done(await api.post<Transaction>(`/transactions/topup/${topup.id}/cancel`, {}))
    } catch (problem) {
      failed(problem)
      done()
      throw problem
    }
  })
  return (
    <li>
      <div>
        <span class="money">
          <strong>{money}</strong>
        </span>
        <div class="small soft breakable">
          <time dateTime={topup.createdAt} title={fullTime(topup.createdAt)}>
            {ago(topup.createdAt)}
          </time>
          {topup.description && ` · ${topup.description}`}
        </div>
      </div>
      <Button
        kind="quiet compact"
        busy={cancel.busy}
        label={text.cancel(money)}
        onClick={() => void cancel.run()}
      >
        {text.cancelShort}
      </Button>
    </li>
  )
}
