import { useEffect, useMemo, useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Figure } from '../components/figure.tsx'
import type { PageProps } from '../components/start.tsx'
import { Statement, type StatementPlace } from '../components/statement.tsx'
import { NO_FILTER } from '../components/statement-filters.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import { usePolled } from '../hooks/use-polled.ts'
import { useRefresh } from '../hooks/use-refresh.ts'
import { formatMoney } from '../lib/money.ts'
import { Problem } from '../lib/problem.ts'
import { leftToRefund, type Page, type Transaction } from '../lib/transaction.ts'
import { hrefOf, useQueryState } from './address.ts'
import { AdjustDialog } from './adjust-dialog.tsx'
import { AutoTopups } from './auto-topups.tsx'
import { pauseWhile, useAdminStream } from './feed.ts'
import { FreezeButton, FreezeNotice, type FreezeState, freezePath } from './freeze.tsx'
import { RefundDialog } from './refund-dialog.tsx'
import type { ScreenProps } from './screens.ts'
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

/** Each moves the balance, adds to the statement, or freezes. A completed transaction is a changed balance, too. */
const EVENTS = [
  ...['balance_updated', 'available_changed', 'balance_insufficient', 'transaction_failed'],
  ...['wallet_frozen', 'wallet_unfrozen', 'request_waiting'],
].join()

/** While the stream is not live. */
const POLL_INTERVAL_MS = 2_000

/** One user: balances, statement, and the actions of an admin. */
export function User({ params: { id = '' }, ...rest }: ScreenProps) {
  const props = { ...rest, id }
  const { api, session } = props
  const { versions, mark } = useRefresh<'funds' | 'requests'>()
  const { live } = useAdminStream(session, { userId: id, events: EVENTS }, (event) =>
    mark(event === 'request_waiting' ? 'requests' : 'funds'),
  )
  const funds = usePolled(
    (signal) =>
      api.get<{ items: Holding[]; seq: number }>(
        '/transactions/balance/all',
        { userId: id },
        signal,
      ),
    [api, id],
    pauseWhile(live, POLL_INTERVAL_MS),
    versions.funds,
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
      {!nobody &&
        (value ? (
          <Known {...props} {...value} asked={versions.requests} reload={funds.reload} />
        ) : (
          <Reading />
        ))}
    </div>
  )
}

interface KnownProps extends UserProps {
  items: Holding[]
  seq: number
  /** Changes with each request of the user, which has no `seq`. */
  asked: unknown
  reload: () => void
}

const WHOLE_STATEMENT = { ...NO_FILTER, page: [] as readonly string[] }

/** A user who exists. */
function Known(props: KnownProps) {
  const { api, currency, id, items, seq, asked, reload } = props
  const [shown, show] = useQueryState(WHOLE_STATEMENT)
  const place = useMemo((): StatementPlace => {
    const { page: starts, ...filter } = shown
    return { filter, starts }
  }, [shown])
  const holdings = shownOf(items, currency)
  const currencies = holdings.map(({ currency }) => currency)
  const [adjusting, setAdjusting] = useState(false)
  const [refunding, setRefunding] = useState<Transaction>()
  const [done, setDone] = useState<{ times: number; what: string; waits: boolean }>()
  const [verified, setVerified] = useState<Verification[]>()
  const verify = useAction(async () => {
    const path = `/transactions/verify/${encodeURIComponent(id)}`
    const each = items.map(({ currency }) => api.get<Verification>(path, { currency }))
    setVerified(await Promise.all(each))
  })
  const freeze = useLoaded(
    (signal) => api.get<FreezeState>(freezePath(id), {}, signal),
    [api, id],
    seq,
  )
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
  const changed = (what: string, { status }: Transaction) => {
    setAdjusting(false)
    setRefunding(undefined)
    const waits = status === 'pending'
    setDone((done) => ({ times: (done?.times ?? 0) + 1, what, waits }))
    reload()
  }

  return (
    <>
      <FreezeNotice api={api} userId={id} freeze={freeze} />
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
            <FreezeButton api={api} userId={id} freeze={freeze} />
          </div>
          <span class="small soft figure">
            {seq} {seq === 1 ? 'event' : 'events'}
          </span>
        </div>
      </section>
      <div role="status">
        {done && (
          <p class={`notice ${done.waits ? 'wait' : 'gain'}`} key={done.times}>
            <strong>{done.waits ? 'Another admin has to approve this' : done.what}</strong>
            <span class="breakable">
              {done.waits ? (
                'No money has moved yet. It waits under Requests.'
              ) : (
                <>
                  <bdi>{id}</bdi> has been notified.
                </>
              )}
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
      <AutoTopups api={api} userId={id} currency={currency} version={`${seq}/${asked}`} />
      <Statement
        title="Statement"
        {...statement}
        place={place}
        turn={({ filter, starts: page }) =>
          show({ ...filter, page }, filter === place.filter ? 'push' : 'replace')
        }
        version={`${seq}/${asked}/${done?.times}`}
        currencies={currencies}
        hrefOf={({ id }) => hrefOf('transactions', id)}
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
          done={(adjustment) => {
            const { amount, currency } = adjustment
            changed(`Adjusted by ${formatMoney(amount, currency, { signed: true })}`, adjustment)
          }}
        />
      )}
      {refunding && (
        <RefundDialog
          api={api}
          payment={refunding}
          close={() => setRefunding(undefined)}
          done={(refund) =>
            changed(`${formatMoney(refund.amount, refunding.currency)} refunded`, refund)
          }
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
