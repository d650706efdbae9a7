import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'
import { Masthead } from '../parts/masthead.tsx'
import type { Signed } from '../parts/start.tsx'
import { Statement } from '../parts/statement.tsx'
import { ToastRegion, Toasts } from '../parts/toasts.tsx'
import type { Page } from '../parts/transaction.ts'
import { useLoaded } from '../parts/use-loaded.ts'
import { useStore } from '../parts/use-store.ts'
import { BalanceCard, type Funds } from './balance-card.tsx'
import { ConnectionBadge } from './connection-badge.tsx'
import { ConnectionNotice } from './connection-notice.tsx'
import { MoveMoney } from './move-money.tsx'
import { PendingTopups } from './pending-topups.tsx'
import { tellOf } from './tell.ts'
import { useClient } from './use-client.ts'

export function Wallet(signed: Signed) {
  const client = useClient(signed.session, signed.currency)
  return client ? <Connected {...signed} client={client} /> : null
}

function Connected({ client, session, api, currency }: Signed & { client: BalanceClient }) {
  const snapshot = useStore(client)
  const [toasts] = useState(() => new Toasts())
  useEffect(() => tellOf(client, toasts), [client, toasts])

  // What the page did itself and no event tells of, such as a request that waits.
  const [done, setDone] = useState(0)
  const version = `${snapshot.lastEvent?.id}/${done}`
  const funds = useLoaded(
    (signal) => api.get<Funds>('/transactions/balance', { currency }, signal),
    [version],
  )
  const pending = useLoaded(
    (signal) =>
      api.get<Page>(
        '/transactions/my-transactions',
        { type: 'topup', status: 'pending', limit: 100 },
        signal,
      ),
    [version],
  )
  const statement = useMemo(
    () => ({
      load: (query: Record<string, string | undefined>, signal: AbortSignal) =>
        api.get<Page>('/transactions/my-transactions', query, signal),
      download: (query: Record<string, string | undefined>) =>
        api.file('/transactions/export', { ...query, format: 'csv' }),
    }),
    [api],
  )
  const changed = () => setDone((done) => done + 1)
  const main = useRef<HTMLElement>(null)
  useEffect(() => main.current?.focus({ preventScroll: true }), [])

  return (
    <>
      <div class="page">
        <Masthead place="Wallet" session={session}>
          <ConnectionBadge status={snapshot.status} />
        </Masthead>
        <main class="wallet" id="main" tabIndex={-1} ref={main}>
          <h1 class="sr-only">Wallet</h1>
          <ConnectionNotice client={client} snapshot={snapshot} session={session} />
          <BalanceCard
            api={api}
            client={client}
            snapshot={snapshot}
            currency={currency}
            funds={funds.value}
          />
          <div class="stack">
            <MoveMoney api={api} currency={currency} pending={pending.value} done={changed} />
            <PendingTopups api={api} pending={pending} done={changed} />
          </div>
          <div class="wide">
            <Statement title="Statement" {...statement} version={version} />
          </div>
        </main>
      </div>
      <ToastRegion toasts={toasts} />
    </>
  )
}
