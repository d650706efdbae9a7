import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient, BalanceSnapshot, BalanceUpdated } from '../../src/client/index.ts'
import { Button } from '../components/button.tsx'
import type { Api } from '../lib/api.ts'
import { formatMoney, subtract } from '../lib/money.ts'
import { typeName } from '../lib/transaction.ts'
import { BalanceChart } from './balance-chart.tsx'
import type { Funds } from './use-balances.ts'

interface BalanceCardProps {
  api: Api
  client: BalanceClient
  snapshot: BalanceSnapshot
  /** The shown currency. */
  currency: string
  /** The currency of `snapshot`. */
  own: string
  balances: readonly Funds[]
  /** Whether `balances` is complete. */
  known: boolean
  choose: (currency: string) => void
}

/** How long a change is shown beside the balance. */
const CHANGE_SHOWN_MS = 10_000

/** The current balance, its last change, and its history. */
export function BalanceCard(props: BalanceCardProps) {
  const { api, client, snapshot, currency, own, balances, known, choose } = props
  const change = useChange(client, currency)
  const { status } = snapshot
  const funds = balances.find((funds) => funds.currency === currency)
  // In its own currency, the stream is never older than the balances that were read.
  const streamed = currency === own ? snapshot.balance : null
  // The balance that was read has every digit, which the stream's double may not have.
  const read = funds?.balance ?? null
  const newest = read !== null && Number(read) === streamed ? read : (streamed ?? read)
  const balance = known ? newest : null
  const shown = balance === null ? '' : formatMoney(balance, currency)
  const moved = String(
    change ? (change.amount ?? subtract(change.newBalance, change.previousBalance, currency)) : 0,
  )
  const amount = Number(moved)
  const direction = amount > 0 ? 'up' : amount < 0 ? 'down' : ''
  const stale = status.state !== 'live' && status.state !== 'connecting'
  const held = funds !== undefined && funds.held > 0

  return (
    <section class="card balance" aria-label="Balance">
      {balances.length > 1 && (
        <fieldset class="currencies">
          <legend class="sr-only">Currency</legend>
          {balances.map((funds) => (
            <button
              key={funds.currency}
              type="button"
              aria-pressed={funds.currency === currency}
              onClick={() => choose(funds.currency)}
            >
              <span class="small">{funds.currency}</span>
              <strong class="money">{formatMoney(funds.balance, funds.currency)}</strong>
            </button>
          ))}
        </fieldset>
      )}
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
            class={`now ${direction} ${stale ? 'stale' : ''} ${shown.length > 15 ? 'long' : ''}`}
            data-testid="balance"
          >
            {balance === null ? <span class="skeleton" /> : shown}
          </span>
          {change && (
            <span key={`${change.id}/by`} class={`change ${amount < 0 ? 'loss' : 'gain'}`}>
              {formatMoney(moved, currency, { signed: true })}
            </span>
          )}
        </p>
        {/* Not a live region, because the notifications announce changes. */}
        <p class="sr-only" data-testid="balance-in-words">
          {balance === null
            ? 'Reading the balance'
            : `Balance ${shown}${change ? `, ${said(moved, currency)}` : ''}`}
        </p>
        <p class="small soft">
          {stale
            ? 'Last known balance. It is updated when the connection is back.'
            : change
              ? `${typeName(change.transactionType)}, just now`
              : 'Changes appear here at once.'}
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
      <BalanceChart key={currency} api={api} client={client} currency={currency} />
    </section>
  )
}

function said(moved: string, currency: string): string {
  const down = moved.startsWith('-')
  return `${down ? 'down' : 'up'} by ${formatMoney(down ? moved.slice(1) : moved, currency)}`
}

/** The last change of the balance. It disappears after a while. */
function useChange(client: BalanceClient, currency: string): BalanceUpdated | undefined {
  const [change, setChange] = useState<BalanceUpdated>()
  useEffect(() => {
    let timer: number | undefined
    const stop = client.on('balance_updated', (event) => {
      if (event.currency !== currency) return
      setChange(event)
      clearTimeout(timer)
      timer = window.setTimeout(() => setChange(undefined), CHANGE_SHOWN_MS)
    })
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [client, currency])
  return change
}
