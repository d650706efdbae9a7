import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient, BalanceSnapshot, BalanceUpdated } from '../../src/client/index.ts'
import { Button } from '../components/button.tsx'
import type { Api } from '../lib/api.ts'
import { words } from '../lib/language.ts'
import { absolute, formatMoney, subtract } from '../lib/money.ts'
import { formatCount } from '../lib/number.ts'
import { typeName } from '../lib/transaction.ts'
import { BalanceChart } from './balance-chart.tsx'
import { Currencies } from './currencies.tsx'
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
  const { balance: text } = words()
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
    <section class="card balance" aria-label={text.title}>
      {balances.length > 1 && (
        <Currencies balances={balances} currency={currency} choose={choose} />
      )}
      <div>
        <div class="label">
          <h2 class="small">{text.title}</h2>
          <Button kind="bare" label={text.refreshLabel} onClick={() => void client.refresh()}>
            {text.refresh}
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
          {balance === null ? text.reading : said(shown, change && moved, currency)}
        </p>
        <p class="small soft">
          {stale ? text.stale : change ? text.lately(nameOf(change)) : text.quiet}
        </p>
      </div>
      {held && (
        <dl class="facts">
          <div>
            <dt>{text.available}</dt>
            <dd>{formatMoney(funds.available, currency)}</dd>
          </div>
          <div>
            <dt>{text.held}</dt>
            <dd>{formatMoney(funds.held, currency)}</dd>
          </div>
        </dl>
      )}
      <BalanceChart key={currency} api={api} client={client} currency={currency} />
    </section>
  )
}

/** The balance and its last change, if there is one. */
function said(balance: string, moved: string | undefined, currency: string): string {
  const { balance: text } = words()
  if (moved === undefined) return text.said(balance)
  const by = formatMoney(absolute(moved, currency), currency)
  return moved.startsWith('-') ? text.saidDown(balance, by) : text.saidUp(balance, by)
}

const nameOf = ({ count, transactionType }: BalanceUpdated): string =>
  count ? words().events.several(formatCount(count)) : typeName(transactionType)

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
