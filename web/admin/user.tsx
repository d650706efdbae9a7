import { useEffect, useMemo, useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import { formatMoney } from '../parts/money.ts'
import type { Signed } from '../parts/start.tsx'
import { Statement } from '../parts/statement.tsx'
import { Failure } from '../parts/states.tsx'
import type { Toasts } from '../parts/toasts.tsx'
import { leftToRefund, type Page, type Transaction } from '../parts/transaction.ts'
import { useAction } from '../parts/use-action.ts'
import { usePolled } from '../parts/use-polled.ts'
import { AdjustDialog } from './adjust-dialog.tsx'
import { RefundDialog } from './refund-dialog.tsx'
import { hrefOf } from './use-place.ts'

interface UserProps extends Signed {
  id: string
  toasts: Toasts
}

interface Funds {
  balance: number
  held: number
  available: number
  seq: number
}

interface Verification {
  isAccurate: boolean
  snapshotBalance: number
  calculatedBalance: number
  difference: number
}

/** One user: what they have, what happened, and what an admin can do about it. */
export function User({ api, currency, id, toasts }: UserProps) {
  const funds = usePolled(
    (signal) => api.get<Funds>('/transactions/balance', { userId: id, currency }, signal),
    [api, id],
    2_000,
  )
  const [adjusting, setAdjusting] = useState(false)
  const [refunding, setRefunding] = useState<Transaction>()
  const [done, setDone] = useState(0)
  const [verified, setVerified] = useState<Verification>()
  const verify = useAction(async () => {
    setVerified(
      await api.get<Verification>(`/transactions/verify/${encodeURIComponent(id)}`, { currency }),
    )
  })
  const seq = funds.value?.seq
  // What was proved is not proved of what happened since.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another seq is another balance
  useEffect(() => setVerified(undefined), [seq])

  const statement = useMemo(
    () => ({
      load: (query: Record<string, string | undefined>, signal: AbortSignal) =>
        api.get<Page>('/transactions/all', { ...query, userId: id }, signal),
      download: (query: Record<string, string | undefined>) =>
        api.file('/transactions/export', { ...query, userId: id, format: 'csv' }),
    }),
    [api, id],
  )
  const changed = (title: string) => {
    setAdjusting(false)
    setRefunding(undefined)
    setDone((done) => done + 1)
    funds.reload()
    toasts.show({ about: `${title} ${done}`, tone: 'gain', title, text: `${id} has been told.` })
  }
  const money = (amount: number) => formatMoney(amount, currency)

  return (
    <div class="stack">
      <div class="title-row">
        <div>
          <a class="small" href={hrefOf('users')}>
            All users
          </a>
          <h1 class="breakable">{id}</h1>
        </div>
        <div class="actions">
          <Button kind="quiet" busy={verify.busy} onClick={() => void verify.run()}>
            Verify balance
          </Button>
          <Button onClick={() => setAdjusting(true)}>Adjust balance</Button>
        </div>
      </div>
      {funds.problem !== undefined && <Failure problem={funds.problem} retry={funds.reload} />}
      <section class="card" aria-label="Balance">
        <dl class="figures">
          <Figure name="Balance" value={funds.value && money(funds.value.balance)} />
          <Figure name="Available" value={funds.value && money(funds.value.available)} />
          <Figure name="Held" value={funds.value && money(funds.value.held)} />
          <Figure name="Events" value={funds.value && String(funds.value.seq)} />
        </dl>
      </section>
      <div role="status">
        {verified && (
          <p class={`notice ${verified.isAccurate ? 'gain' : 'loss'}`}>
            {verified.isAccurate
              ? `The books agree: the entries add up to ${money(verified.calculatedBalance)}.`
              : `The books disagree: the snapshot says ${money(verified.snapshotBalance)}, the entries add up to ${money(verified.calculatedBalance)}. Rebuild it under Audit.`}
          </p>
        )}
      </div>
      {verify.problem !== undefined && <Failure problem={verify.problem} />}
      <Statement
        title="Statement"
        {...statement}
        version={`${seq}/${done}`}
        actions={(transaction) => {
          const left = leftToRefund(transaction)
          return (
            left && (
              <Button
                kind="quiet compact"
                label={`Refund ${formatMoney(left, transaction.currency)}`}
                onClick={() => setRefunding(transaction)}
              >
                Refund
              </Button>
            )
          )
        }}
      />
      {adjusting && (
        <AdjustDialog
          api={api}
          userId={id}
          currency={currency}
          close={() => setAdjusting(false)}
          done={({ amount }) =>
            changed(`Adjusted by ${formatMoney(amount, currency, { signed: true })}`)
          }
        />
      )}
      {refunding && (
        <RefundDialog
          api={api}
          payment={refunding}
          close={() => setRefunding(undefined)}
          done={({ amount }) => changed(`${formatMoney(amount, refunding.currency)} refunded`)}
        />
      )}
    </div>
  )
}

function Figure({ name, value }: { name: string; value: string | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value ?? <span class="skeleton" style={{ width: '4ch' }} />}</dd>
    </div>
  )
}
