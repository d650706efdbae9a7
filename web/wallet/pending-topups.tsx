import { useId } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import type { Loaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { formatMoney } from '../lib/money.ts'
import { ago, fullTime } from '../lib/time.ts'
import type { Page, Transaction } from '../lib/transaction.ts'

interface PendingProps {
  api: Api
  pending: Loaded<Page>
  waiting: readonly Transaction[]
  done: (topup?: Transaction) => void
}

/** The topups that wait for a decision. */
export function PendingTopups({ api, pending, waiting: items, done }: PendingProps) {
  const id = useId()
  const cancel = useAction(async (topup: Transaction) => {
    try {
      done(await api.post<Transaction>(`/transactions/topup/${topup.id}/cancel`, {}))
    } catch (problem) {
      done()
      throw problem
    }
  })
  if (items.length === 0 && pending.problem === undefined) return null
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>Waiting for approval</h2>
        <span class="chip wait">{items.length}</span>
      </div>
      {pending.problem !== undefined && (
        <Failure problem={pending.problem} retry={pending.reload} />
      )}
      {cancel.problem !== undefined && <Failure problem={cancel.problem} />}
      <ul class="waiting">
        {items.map((topup) => (
          <li key={topup.id}>
            <div>
              <span class="money">
                <strong>{formatMoney(topup.amount, topup.currency)}</strong>
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
              label={`Cancel the topup of ${formatMoney(topup.amount, topup.currency)}`}
              onClick={() => void cancel.run(topup)}
            >
              Cancel
            </Button>
          </li>
        ))}
      </ul>
    </section>
  )
}
