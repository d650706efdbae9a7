import { useEffect, useMemo, useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Figure } from '../components/figure.tsx'
import type { PageProps } from '../components/start.tsx'
import { Statement } from '../components/statement.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { usePolled } from '../hooks/use-polled.ts'
import { formatMoney } from '../lib/money.ts'
import { Problem } from '../lib/problem.ts'
import { leftToRefund, type Page, type Transaction } from '../lib/transaction.ts'
import { AdjustDialog } from './adjust-dialog.tsx'
import { RefundDialog } from './refund-dialog.tsx'
import { hrefOf } from './use-route.ts'
import { type Holding, shownOf } from './wallet-summary.ts'

interface UserProps extends PageProps {
  id: string
}

interface Verification {
  currency: string
  isAccurate: boolean
  snapshotBalance: number
  calculatedBalance: number
}

/** One user: balances, statement, and the actions of an admin. */
export function User(props: UserProps) {
  const { api, id } = props
  const funds = usePolled(
    (signal) =>
      api.get<{ items: Holding[]; seq: number }>(
        '/transactions/balance/all',
        { userId: id },
        signal,
      ),
    [api, id],
    2_000,
  )
  const { value, problem } = funds
  // No user has this id, or it is not a valid id.
  const nobody = problem instanceof Problem && [400, 404].includes(problem.status)

  return (
    <div class="stack">
      <div>
        <a class="small" href={hrefOf('users')}>
          All users
        </a>
        <h1 class="breakable">
          <bdi>{id}</bdi>
        </h1>
      </div>
      {nobody ? (
        <div class="card">
          <Empty title="There is no such user">
            A user appears once they have signed in for the first time. Check the id.
          </Empty>
        </div>
      ) : (
        problem !== undefined && <Failure problem={problem} retry={funds.reload} />
      )}
      {!nobody && (value ? <Known {...props} {...value} reload={funds.reload} /> : <Reading />)}
    </div>
  )
}

/** A user who exists. */
function Known(props: UserProps & { items: Holding[]; seq: number; reload: () => void }) {
  const { api, currency, id, items, seq, reload } = props
  const holdings = shownOf(items, currency)
  const currencies = holdings.map(({ currency }) => currency)
  const [adjusting, setAdjusting] = useState(false)
  const [refunding, setRefunding] = useState<Transaction>()
  const [done, setDone] = useState<{ times: number; what: string }>()
  const [verified, setVerified] = useState<Verification[]>()
  const verify = useAction(async () => {
    const path = `/transactions/verify/${encodeURIComponent(id)}`
    const each = items.map(({ currency }) => api.get<Verification>(path, { currency }))
    setVerified(await Promise.all(each))
  })
  // A verification says nothing about later events.
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
  const changed = (what: string) => {
    setAdjusting(false)
    setRefunding(undefined)
    setDone((done) => ({ times: (done?.times ?? 0) + 1, what }))
    reload()
  }

  return (
    <>
      <section class="card" aria-label="Balance">
        <ul class="stack">
          {holdings.map(({ currency, balance, available, held }) => (
            <li key={currency}>
              <dl class="figures">
                <Figure name={`Balance, ${currency}`} value={formatMoney(balance, currency)} />
                <Figure name="Available" value={formatMoney(available, currency)} />
                <Figure name="Held" value={formatMoney(held, currency)} />
              </dl>
            </li>
          ))}
        </ul>
        <div class="card-foot">
          <div class="actions">
            <Button onClick={() => setAdjusting(true)}>Adjust balance</Button>
            <Button kind="quiet" busy={verify.busy} onClick={() => void verify.run()}>
              Verify balance
            </Button>
          </div>
          <span class="small soft figure">
            {seq} {seq === 1 ? 'event' : 'events'}
          </span>
        </div>
      </section>
      <div role="status">
        {done && (
          <p class="notice gain" key={done.times}>
            <strong>{done.what}</strong>
            <span class="breakable">
              <bdi>{id}</bdi> has been notified.
            </span>
          </p>
        )}
      </div>
      <div role="status" class="stack">
        {verified?.length === 0 && <p class="notice">There are no entries yet.</p>}
        {verified?.map((each) => (
          <Verdict key={each.currency} {...each} />
        ))}
      </div>
      {verify.problem !== undefined && <Failure problem={verify.problem} />}
      <Statement
        title="Statement"
        {...statement}
        version={`${seq}/${done?.times}`}
        currencies={currencies}
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
          currencies={[...currencies].sort(
            (a, b) => Number(b === currency) - Number(a === currency),
          )}
          close={() => setAdjusting(false)}
          done={({ amount, currency }) =>
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
    </>
  )
}

function Verdict(verification: Verification) {
  const { currency, isAccurate, snapshotBalance, calculatedBalance } = verification
  const [snapshot, entries] = [
    formatMoney(snapshotBalance, currency),
    formatMoney(calculatedBalance, currency),
  ]
  return (
    <p class={`notice ${isAccurate ? 'gain' : 'loss'}`}>
      {isAccurate
        ? `Correct: the entries add up to ${entries}.`
        : `Not correct: the snapshot says ${snapshot}, but the entries add up to ${entries}. Rebuild it under Audit.`}
    </p>
  )
}

function Reading() {
  return (
    <section class="card">
      <Loading what="Reading the user" />
    </section>
  )
}
