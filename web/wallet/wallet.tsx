import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'
import { Masthead } from '../components/masthead.tsx'
import type { PageProps } from '../components/start.tsx'
import { Statement } from '../components/statement.tsx'
import { Failure } from '../components/states.tsx'
import { ToastRegion, Toasts } from '../components/toasts.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import { useRefresh } from '../hooks/use-refresh.ts'
import { useStore } from '../hooks/use-store.ts'
import type { Page, Transaction } from '../lib/transaction.ts'
import { BalanceCard } from './balance-card.tsx'
import { ConnectionBadge } from './connection-badge.tsx'
import { ConnectionNotice } from './connection-notice.tsx'
import { MoveMoney } from './move-money.tsx'
import { showNotifications } from './notifications.ts'
import { PendingTopups } from './pending-topups.tsx'
import { useBalances } from './use-balances.ts'
import { useClient } from './use-client.ts'
import { useRecent } from './use-recent.ts'

export function Wallet(props: PageProps) {
  const client = useClient(props.session, props.currency)
  return client ? <Connected {...props} client={client} /> : null
}

function Connected({ client, session, api, currency: own }: PageProps & { client: BalanceClient }) {
  const snapshot = useStore(client)
  const [toasts] = useState(() => new Toasts())
  useEffect(() => showNotifications(client, toasts), [client, toasts])

  const { versions, mark } = useRefresh<'pending' | 'statement' | 'balances'>()
  const balances = useBalances(api, client, versions.balances)
  const { recent, add } = useRecent(client)
  const pending = useLoaded(
    (signal) =>
      api.get<Page>(
        '/transactions/my-transactions',
        { type: 'topup', status: 'pending', limit: 100 },
        signal,
      ),
    [api],
    versions.pending,
  )
  useEffect(
    () =>
      client.on('*', ({ event }) => {
        // Events have no notes and no held amounts, so these are read again. A refusal changes nothing.
        if (event !== 'balance_insufficient') mark('statement', 'balances')
      }),
    [client, mark],
  )
  // The balances were read before the last event that the stream includes.
  const readTo = balances.value?.seq
  const { seq } = snapshot
  const behind = readTo !== undefined && seq !== null && readTo < seq
  const [connections, setConnections] = useState(0)
  useEffect(() => client.on('balance_initial', () => setConnections((n) => n + 1)), [client])
  // biome-ignore lint/correctness/useExhaustiveDependencies: events say for themselves what they change
  useEffect(() => {
    if (behind) mark('statement', 'pending', 'balances')
  }, [readTo, connections, mark])

  const [chosen, setChosen] = useState<string>()
  const codes = balances.items.map(({ currency }) => currency)
  const read = balances.value !== undefined
  // The server's currency, unless the user has only others. A currency that is added later does not change the view.
  const preferred = codes.length === 0 || codes.includes(own) ? own : (codes[0] ?? own)
  useEffect(() => {
    if (read) setChosen((chosen) => chosen ?? preferred)
  }, [read, preferred])
  const currency = chosen ?? preferred
  const all = codes.includes(currency)
    ? balances.items
    : [{ currency, balance: 0, held: 0, available: 0 }, ...balances.items]
  const currencies = all.map(({ currency }) => currency)
  const waiting = waitingOf(pending.value?.items ?? [], recent)
  const statement = useMemo(
    () => ({
      load: (query: Record<string, string | undefined>, signal: AbortSignal) =>
        api.get<Page>('/transactions/my-transactions', query, signal),
      download: (query: Record<string, string | undefined>) =>
        api.file('/transactions/export', { ...query, format: 'csv' }),
    }),
    [api],
  )
  const changed = useCallback(
    (transaction?: Transaction) => {
      if (transaction) add(transaction)
      mark('pending', 'statement', 'balances')
    },
    [add, mark],
  )
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
          {balances.problem !== undefined && !balances.value && (
            <div class="wide">
              <Failure problem={balances.problem} retry={balances.reload} />
            </div>
          )}
          <BalanceCard
            api={api}
            client={client}
            snapshot={snapshot}
            currency={currency}
            own={own}
            balances={all}
            known={balances.value !== undefined || balances.problem !== undefined}
            choose={setChosen}
          />
          <div class="stack">
            <MoveMoney
              api={api}
              currency={currency}
              currencies={currencies}
              live={snapshot.status.state === 'live'}
              waiting={waiting}
              done={changed}
            />
            <PendingTopups api={api} pending={pending} waiting={waiting} done={changed} />
          </div>
          <div class="wide">
            <Statement
              title="Statement"
              {...statement}
              version={versions.statement}
              recent={recent}
              currencies={currencies}
              currency={currency}
            />
          </div>
        </main>
      </div>
      <ToastRegion toasts={toasts} />
    </>
  )
}

/** The pending topups: those that were read, without the ones decided since, and with the ones requested since. */
function waitingOf(read: Transaction[], recent: readonly Transaction[]): Transaction[] {
  const now = new Map(recent.map((item) => [item.id, item]))
  const known = new Set(read.map(({ id }) => id))
  return [
    ...recent.filter(
      ({ id, type, status }) => type === 'topup' && status === 'pending' && !known.has(id),
    ),
    ...read.filter(({ id }) => (now.get(id)?.status ?? 'pending') === 'pending'),
  ]
}
