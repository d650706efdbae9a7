import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog } from '../components/dialog.tsx'
import { Figure } from '../components/figure.tsx'
import type { PageProps } from '../components/start.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { formatMoney } from '../lib/money.ts'
import { shortTime } from '../lib/time.ts'
import { hrefOf } from './address.ts'

interface Discrepancy {
  userId?: string
  currency?: string
  problem: string
  snapshotBalance?: number
  calculatedBalance?: number
  at?: string
}

/** The answer of `GET /transactions/audit`. */
interface AuditResult {
  total: number
  accurate: number
  inaccurate: number
  entries: number
  discrepancies: Discrepancy[]
  ledger: { currency: string; debits: number; credits: number; balanced: boolean }[]
}

/** Runs the audit on demand, and rebuilds balances that differ. */
export function Audit({ api }: PageProps) {
  const [result, setResult] = useState<{ audit: AuditResult; at: number }>()
  const audit = useAction(async () => {
    setResult({ audit: await api.get<AuditResult>('/transactions/audit'), at: Date.now() })
  })
  const [asking, setAsking] = useState(false)
  const [rebuilt, setRebuilt] = useState<{ total: number; corrected: number }>()
  const rebuild = useAction(async () => {
    setRebuilt(undefined)
    setRebuilt(await api.post('/transactions/recalculate-all', {}))
    setAsking(false)
    await audit.run()
  })

  return (
    <div class="stack">
      <div class="title-row">
        <div>
          <h1>Audit</h1>
          <p class="soft">Compares every wallet, and the ledger as a whole, with every entry.</p>
        </div>
        <div class="actions">
          <Button kind="quiet" busy={rebuild.busy} onClick={() => setAsking(true)}>
            Rebuild balances
          </Button>
          <Button busy={audit.busy} onClick={() => void audit.run()}>
            Run audit
          </Button>
        </div>
      </div>
      {audit.problem !== undefined && <Failure problem={audit.problem} />}
      <div role="status">
        {rebuilt && (
          <p class="notice gain">
            <strong>
              {rebuilt.corrected === 0
                ? 'No balance had to change'
                : `${rebuilt.corrected} corrected`}
            </strong>
            {rebuilt.total} {rebuilt.total === 1 ? 'wallet was' : 'wallets were'} compared with the
            entries.
          </p>
        )}
      </div>
      {asking && (
        <ConfirmDialog
          title="Rebuild every balance?"
          verb="Rebuild all"
          action={rebuild}
          onSubmit={() => void rebuild.run()}
          onClose={() => setAsking(false)}
        >
          Every wallet is compared with its entries. A balance that differs is replaced, and the
          user sees the change at once.
        </ConfirmDialog>
      )}
      <div class="stack" aria-live="polite">
        {audit.busy && !result && (
          <div class="card">
            <Loading what="Reading every entry" />
          </div>
        )}
        {!audit.busy && !result && (
          <div class="card">
            <Empty title="Not run yet">
              An audit reads everything and changes nothing. You can run it at any time.
            </Empty>
          </div>
        )}
        {result && <Result {...result} />}
      </div>
    </div>
  )
}

function Result({ audit, at }: { audit: AuditResult; at: number }) {
  const sound = audit.discrepancies.length === 0 && audit.ledger.every(({ balanced }) => balanced)
  const count = (number: number) => number.toLocaleString(navigator.languages as string[])
  return (
    <>
      <section class="card verdict-card" aria-label="Result">
        <span class={`seal ${sound ? '' : 'loss'}`} aria-hidden="true">
          {sound ? '✓' : '!'}
        </span>
        <div>
          <h2>{sound ? 'The ledger is correct' : 'The ledger is not correct'}</h2>
          <p class="soft">
            {count(audit.accurate)} of {count(audit.total)} wallets agree with{' '}
            {count(audit.entries)} entries. Checked at {shortTime(at)}.
          </p>
        </div>
      </section>
      {audit.ledger.length > 0 && (
        <section class="card" aria-labelledby="ledger-title">
          <div class="card-head">
            <h2 id="ledger-title">The ledger as a whole</h2>
          </div>
          <ul class="stack">
            {audit.ledger.map(({ currency, debits, credits, balanced }) => (
              <li key={currency} class="books">
                <dl class="figures">
                  <Figure name={`Debits, ${currency}`} value={formatMoney(debits, currency)} />
                  <Figure name={`Credits, ${currency}`} value={formatMoney(credits, currency)} />
                </dl>
                <span class={`chip ${balanced ? 'gain' : 'loss'}`}>
                  {balanced ? 'Balanced' : 'Not balanced'}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {audit.discrepancies.length > 0 && <Discrepancies items={audit.discrepancies} />}
    </>
  )
}

function Discrepancies({ items }: { items: Discrepancy[] }) {
  return (
    <section class="card" aria-labelledby="wrong-title">
      <div class="card-head">
        <h2 id="wrong-title">Discrepancies</h2>
        <span class="chip loss">{items.length}</span>
      </div>
      <ul class="stack">
        {items.map(({ userId, currency, problem, snapshotBalance, calculatedBalance, at }) => (
          <li key={`${userId}/${currency}/${problem}/${at}`} class="breakable">
            {userId ? (
              <a href={hrefOf('users', userId)}>
                <bdi>{userId}</bdi>
              </a>
            ) : (
              'The ledger'
            )}
            : {problem}
            {at && <span class="small soft"> (at {at})</span>}
            <dl class="figures">
              {snapshotBalance !== undefined && currency && (
                <Figure name="Snapshot" value={formatMoney(snapshotBalance, currency)} />
              )}
              {calculatedBalance !== undefined && currency && (
                <Figure name="Entries" value={formatMoney(calculatedBalance, currency)} />
              )}
            </dl>
          </li>
        ))}
      </ul>
    </section>
  )
}
