import { useMemo } from 'preact/hooks'
import type { BalanceSnapshot } from '../../src/client/index.ts'
import { lazy } from '../components/lazy.tsx'
import { Statement } from '../components/statement.tsx'
import type { Loaded } from '../hooks/use-loaded.ts'
import { words } from '../lib/language.ts'
import { formatMoney } from '../lib/money.ts'
import { type Page, type Transaction, typeName } from '../lib/transaction.ts'
import { Activity } from './activity.tsx'
import { BalanceCard } from './balance-card.tsx'
import { PendingTopups } from './pending-topups.tsx'
import { PlaceLink } from './place-link.tsx'
import type { SectionProps } from './section.ts'

const MoveMoney = lazy(async () => (await import('./move-money.tsx')).MoveMoney, { lines: 8 })

interface OverviewProps extends SectionProps {
  snapshot: BalanceSnapshot
  /** The currency of `snapshot`. */
  own: string
  /** Whether `balances` is complete. */
  known: boolean
  choose: (currency: string) => void
  /** The pending topups, as they were read and as they are. */
  pending: Loaded<Page>
  waiting: readonly Transaction[]
  /** The transactions of recent events, newest first. */
  recent: readonly Transaction[]
}

/** The balance, its history, and the forms that are used most. */
export function Overview(props: OverviewProps) {
  const { api, client, route, currency, currencies, version, recent, waiting, done } = props
  const { statement: text } = words()
  const reads = useMemo(
    () => ({
      load: (query: Record<string, string | undefined>, signal: AbortSignal) =>
        api.get<Page>('/transactions/my-transactions', query, signal),
      download: (query: Record<string, string | undefined>) =>
        api.file('/transactions/export', { ...query, format: 'csv' }),
    }),
    [api],
  )
  return (
    <>
      <BalanceCard {...props} />
      <div class="stack">
        <section class="card form" aria-label={words().move.title}>
          <MoveMoney
            api={api}
            userId={props.userId}
            currency={currency}
            currencies={currencies}
            live={props.live}
            waiting={waiting}
            done={done}
          />
        </section>
        <PendingTopups api={api} pending={props.pending} waiting={waiting} done={done} />
      </div>
      <div class="wide">
        <Statement
          title={text.title}
          {...reads}
          version={version}
          recent={recent}
          currencies={currencies}
          currency={currency}
          actions={({ id, type, amount, currency }) => (
            <PlaceLink
              route={route}
              to={{ view: 'receipt', id }}
              class="small"
              label={text.receiptOf(typeName(type), formatMoney(amount, currency))}
            >
              {text.receipt}
            </PlaceLink>
          )}
        />
      </div>
      <div class="wide">
        <Activity client={client} currency={currencies.length > 1 ? currency : undefined} />
      </div>
    </>
  )
}
