import { useId } from 'preact/hooks'
import type { Api } from '../parts/api.ts'
import { Button } from '../parts/button.tsx'
import { formatMoney } from '../parts/money.ts'
import { Failure } from '../parts/states.tsx'
import { ago, fullTime } from '../parts/time.ts'
import type { Page, Transaction } from '../parts/transaction.ts'
import { useAction } from '../parts/use-action.ts'
import type { Loaded } from '../parts/use-loaded.ts'

interface PendingProps {
  api: Api
  pending: Loaded<Page>
  waiting: readonly Transaction[]
  done: (topup?: Transaction) => void
}

/** Topups that nobody has decided yet. */
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
