import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'
import { lazy } from '../components/lazy.tsx'
import { Masthead } from '../components/masthead.tsx'
import type { PageProps } from '../components/start.tsx'
import { Failure } from '../components/states.tsx'
import { ToastRegion, Toasts } from '../components/toasts.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import { useRefresh } from '../hooks/use-refresh.ts'
import { useStore } from '../hooks/use-store.ts'
import { words } from '../lib/language.ts'
import type { Page, Transaction } from '../lib/transaction.ts'
import { ConnectionBadge } from './connection-badge.tsx'
import { ConnectionNotice } from './connection-notice.tsx'
import { FundsCard } from './currencies.tsx'
import { showNotifications } from './notifications.ts'
import { Overview } from './overview.tsx'
import { PlaceLink } from './place-link.tsx'
import { SECTIONS, SectionNav, SPENDING, titleOf } from './sections.tsx'
import { useBalances } from './use-balances.ts'
import { useClient } from './use-client.ts'
import { useGuide } from './use-guide.ts'
import { usePlace, type View } from './use-place.ts'
import { useRecent } from './use-recent.ts'

/** It also says that the wallet is visible, so it is there in every section. */
const PushCard = lazy(async () => (await import('./push-card.tsx')).PushCard, { quiet: true })
const Guide = lazy(async () => (await import('./guide.tsx')).Guide, { lines: 3 })

export function Wallet(props: PageProps) {
  const client = useClient(props.session)
  return client ? <Connected {...props} client={client} /> : null
}

function Connected(props: PageProps & { client: BalanceClient }) {
  const { client, session, api, userId } = props
  const snapshot = useStore(client)
  // The tenant's, which the stream says, or until then the server's.
  const own = snapshot.currency ?? props.currency
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
      client.on('*', (event) => {
        // Events have no notes and no held amounts, so these are read again. A refusal changes nothing.
        if (event.event !== 'balance_insufficient') mark('statement', 'balances')
        // Which topups were decided, only single events say.
        if ('count' in event) mark('pending')
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

  const route = usePlace()
  const { view } = route
  const [first, setFirst] = useState<string>()
  const codes = balances.items.map(({ currency }) => currency)
  const read = balances.value !== undefined
  const isOwnKnown = snapshot.currency !== null
  // Their own currency, unless the user has only others. A currency that is added later does not change the view.
  const preferred = codes.length === 0 || codes.includes(own) ? own : (codes[0] ?? own)
  useEffect(() => {
    if (read && isOwnKnown) setFirst((first) => first ?? preferred)
  }, [read, isOwnKnown, preferred])
  const currency = route.currency ?? first ?? preferred
  const choose = (currency: string) => route.replace({ currency })
  const all = codes.includes(currency)
    ? balances.items
    : [{ currency, balance: 0, held: 0, available: 0 }, ...balances.items]
  const waiting = waitingOf(pending.value?.items ?? [], recent)
  const changed = useCallback(
    (transaction?: Transaction) => {
      if (transaction) add(transaction)
      mark('pending', 'statement', 'balances')
    },
    [add, mark],
  )
  const section = {
    ...{ api, client, route, userId, currency, balances: all },
    currencies: all.map(({ currency }) => currency),
    live: snapshot.status.state === 'live',
    version: versions.statement,
    done: changed,
  }
  const guide = useGuide(client, userId, readTo)
  const main = useRef<HTMLElement>(null)
  const title = useTitle(view)
  useEffect(() => main.current?.focus({ preventScroll: true }), [])
  const Section = view === 'overview' ? undefined : SECTIONS[view]

  return (
    <>
      <div class="page">
        <Masthead place={words().shell.title} session={session}>
          <ConnectionBadge status={snapshot.status} />
        </Masthead>
        <SectionNav route={route} />
        <main class={Section ? 'section' : 'wallet'} id="main" tabIndex={-1} ref={main}>
          {view === 'receipt' && (
            <PlaceLink route={route} to={{ view: 'overview' }} class="no-print">
              {words().shell.back}
            </PlaceLink>
          )}
          <h1 class={view === 'overview' ? 'sr-only' : ''} tabIndex={-1} ref={title}>
            {titleOf(view)}
          </h1>
          <ConnectionNotice client={client} snapshot={snapshot} session={session} />
          {balances.problem !== undefined && !balances.value && (
            <div class="wide">
              <Failure problem={balances.problem} retry={balances.reload} />
            </div>
          )}
          {guide.shown && view === 'overview' && (
            <Guide
              client={client}
              asked={waiting.length > 0}
              demo={session.getSnapshot()?.demo === true}
              dismiss={() => {
                guide.dismiss()
                main.current?.focus({ preventScroll: true })
              }}
            />
          )}
          {SPENDING.includes(view) && (
            <FundsCard balances={all} currency={currency} choose={choose} />
          )}
          {Section ? (
            <Section {...section} />
          ) : (
            <Overview
              {...section}
              {...{ snapshot, own, choose, pending, waiting, recent }}
              known={balances.value !== undefined || balances.problem !== undefined}
            />
          )}
          <PushCard
            api={api}
            session={session}
            currencies={section.currencies}
            shown={view === 'settings'}
          />
        </main>
      </div>
      <ToastRegion toasts={toasts} />
    </>
  )
}

/** Names the page after the section, and moves the focus to its heading when another one is opened. */
function useTitle(view: View) {
  const heading = useRef<HTMLHeadingElement>(null)
  const before = useRef(view)
  useEffect(() => {
    document.title = `${titleOf(view)} · Livebalance`
  })
  useEffect(() => {
    if (before.current === view) return
    before.current = view
    heading.current?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [view])
  return heading
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
