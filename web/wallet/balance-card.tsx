import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient, BalanceSnapshot, BalanceUpdated } from '../../src/client/index.ts'
import type { Api } from '../parts/api.ts'
import { Button } from '../parts/button.tsx'
import { formatMoney } from '../parts/money.ts'
import { typeName } from '../parts/transaction.ts'
import { BalanceChart } from './balance-chart.tsx'

/** The answer of `GET /transactions/balance`. */
export interface Funds {
  balance: number
  held: number
  available: number
}

interface BalanceCardProps {
  api: Api
  client: BalanceClient
  snapshot: BalanceSnapshot
  currency: string
  funds: Funds | undefined
}

/** Milliseconds for which a change stands beside the balance. */
const SHOWN = 10_000

/** The balance as it is now, what changed it, and how it got there. */
export function BalanceCard({ api, client, snapshot, currency, funds }: BalanceCardProps) {
  const change = useChange(client, currency)
  const { balance, status } = snapshot
  const amount = change ? change.newBalance - change.previousBalance : 0
  const direction = amount > 0 ? 'up' : amount < 0 ? 'down' : ''
  const stale = status.state !== 'live' && status.state !== 'connecting'
  const held = funds && funds.held > 0

  return (
    <section class="card balance" aria-label="Balance">
      <div>
        <div class="label">
          <h2 class="small">Balance</h2>
          <Button kind="bare" label="Refresh the balance" onClick={() => void client.refresh()}>
            Refresh
          </Button>
        </div>
        <p class="sum" aria-hidden="true">
          <span
            key={change?.id}
            class={`now ${direction} ${stale ? 'stale' : ''}`}
            data-testid="balance"
          >
            {balance === null ? <span class="skeleton" /> : formatMoney(balance, currency)}
          </span>
          {change && (
            <span key={`${change.id}/by`} class={`change ${amount < 0 ? 'loss' : 'gain'}`}>
              {formatMoney(amount, currency, { signed: true })}
            </span>
          )}
        </p>
        <p class="sr-only" aria-live="polite" aria-atomic="true">
          {balance === null
            ? 'Reading the balance'
            : `Balance ${formatMoney(balance, currency)}${change ? `, ${said(amount, currency)}` : ''}`}
        </p>
        <p class="small soft">
          {stale
            ? 'Last known balance. It is brought up to date as soon as the connection is back.'
            : change
              ? `${typeName(change.transactionType)}, just now`
              : 'Changes appear here the moment they happen.'}
        </p>
      </div>
      {held && (
        <dl class="facts">
          <div>
            <dt>Available to spend</dt>
            <dd>{formatMoney(funds.available, currency)}</dd>
          </div>
          <div>
            <dt>Held</dt>
            <dd>{formatMoney(funds.held, currency)}</dd>
          </div>
        </dl>
      )}
      <BalanceChart api={api} client={client} currency={currency} />
    </section>
  )
}

function said(amount: number, currency: string): string {
  return `${amount < 0 ? 'down' : 'up'} by ${formatMoney(Math.abs(amount), currency)}`
}

/** The newest change of the balance, for a moment. */
function useChange(client: BalanceClient, currency: string): BalanceUpdated | undefined {
  const [change, setChange] = useState<BalanceUpdated>()
  useEffect(() => {
    let timer: number | undefined
    const stop = client.on('balance_updated', (event) => {
      if (event.currency !== currency) return
      setChange(event)
      clearTimeout(timer)
      timer = window.setTimeout(() => setChange(undefined), SHOWN)
    })
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [client, currency])
  return change
}
