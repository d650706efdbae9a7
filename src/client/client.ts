import { BalanceStore, type SharedState } from './balance-store.ts'
import { Reconnector } from './reconnect.ts'
import { Retry } from './retry.ts'
import { currentRuntime, type Runtime, serverUrl } from './runtime.ts'
import { TabGroup } from './tab-leader.ts'
import { authorizedFetch, identityOf, TokenSource } from './token.ts'
import { queryOf, rejectionOf, unreachable } from './transports/transport.ts'
import type {
  AffordQuery,
  BalanceClientOptions,
  BalanceError,
  BalanceInitial,
  BalanceSnapshot,
  BalanceStatus,
  CanAfford,
  ClientEvents,
  EventsPage,
  HistoryQuery,
} from './types.ts'

export interface BalanceClient {
  /** Calls back after every change of the snapshot. Returns a function that unsubscribes. */
  subscribe(listener: () => void): () => void
  /** The current state. It is the same object until something changes. */
  getSnapshot(): BalanceSnapshot
  /** Calls back for each event of this name, once and in order. Returns a function that unsubscribes. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (payload: ClientEvents[Name]) => void,
  ): () => void
  /**
   * Reads the balance from the ledger. If the client waits for its next attempt or was refused, it connects
   * at once. Resolves with the snapshot and never rejects: the snapshot's `error` holds a failure.
   */
  refresh(): Promise<BalanceSnapshot>
  /**
   * Asks whether the ledger would accept a payment now.
   * @throws BalanceError if the server refuses the question or does not answer
   */
  canAfford(query: AffordQuery): Promise<CanAfford>
  /**
   * Reads past events, of every currency, in pages. It does not change the snapshot.
   * @throws BalanceError if the server refuses the question or does not answer
   */
  history(query?: HistoryQuery): Promise<EventsPage>
  /** Ends the connection. A closed client cannot be used again. */
  close(): void
}

/** A message from the leader to the other tabs. */
type TabMessage =
  | { event: string; data: Record<string, unknown> }
  | {
      status: Omit<BalanceStatus, 'role'>
      error: BalanceError | null
      state: SharedState | undefined
    }

/**
 * A client for a live balance. It connects at once, stays connected, and catches up on missed events.
 * @throws TypeError if there is no `url` outside of web pages
 */
export function createBalanceClient(options: BalanceClientOptions): BalanceClient {
  return openClient(options, currentRuntime())
}

/** `createBalanceClient` with a given runtime, for tests. */
export function openClient(options: BalanceClientOptions, environment: Runtime): BalanceClient {
  const runtime: Runtime = {
    ...environment,
    fetch: options.fetch ?? environment.fetch,
    WebSocket: options.WebSocket ?? environment.WebSocket,
  }
  const url = serverUrl(options.url, runtime.baseUrl)
  const {
    currency,
    maxRate,
    transactions,
    transport = 'auto',
    share = true,
    connectTimeout: connectTimeoutMs = 8_000,
  } = options
  const tokens = new TokenSource(options)
  const store = new BalanceStore()
  const retry = new Retry(options.retry ?? {})
  const request = authorizedFetch(runtime.fetch, tokens)
  let tabs: TabGroup | undefined
  let closed = false
  let suspended = false
  /** The last refusal. It is reported again if this client followed another tab, and that tab closed. */
  let refusal: BalanceError | null = null

  const reconnector = new Reconnector({
    url,
    tokens,
    transport,
    currency,
    maxRate,
    transactions,
    connectTimeoutMs,
    store,
    retry,
    runtime,
    message(event, data) {
      store.receive(event, data)
      tabs?.send({ event, data } satisfies TabMessage)
    },
    changed: shareState,
    refused(error) {
      refusal = error
      // Another tab may have a better token.
      tabs?.resign()
    },
  })

  /** Sends the state to the other tabs, if this tab leads. */
  function shareState(): void {
    if (!tabs?.leading) return
    const { status, error } = store.getSnapshot()
    const { role: _, ...shared } = status
    tabs.send({ status: shared, error, state: store.share() } satisfies TabMessage)
  }

  function receive(message: TabMessage): void {
    if ('event' in message) {
      store.receive(message.event, message.data)
      return
    }
    const { status, error, state } = message
    if (state) store.adopt(state)
    store.setStatus({ ...status, role: 'follower' }, { error })
  }

  async function connect(): Promise<void> {
    const { tabs: tools } = runtime
    store.setStatus({ state: store.lastEventId === undefined ? 'connecting' : 'reconnecting' })
    if (!tools || !share) return reconnector.start()
    // Tabs share a connection only if their tokens name the same user. The reconnector reports a token that fails.
    const token = await tokens.get().catch(() => undefined)
    const identity = token === undefined ? undefined : identityOf(token)
    if (closed || suspended || tabs) return
    if (identity === undefined) return reconnector.start()
    tabs = new TabGroup({
      tools,
      name: `livebalance ${JSON.stringify([url, identity, currency, maxRate, transactions])}`,
      isVisible: runtime.isVisible,
      lead() {
        store.setStatus({ role: 'leader' })
        reconnector.start()
      },
      follow() {
        reconnector.stop()
        store.setStatus({ role: 'follower' })
      },
      abandoned: () => store.setStatus({ state: 'refused' }, { error: refusal }),
      receive: (message) => receive(message as TabMessage),
      asked(urgently) {
        shareState()
        if (urgently) reconnector.wake()
      },
    })
  }

  async function read<T>(path: string, asked: Parameters<typeof queryOf>[0]): Promise<T> {
    const response = await request(url + path + queryOf(asked)).catch((error) => {
      throw unreachable(String(error))
    })
    if (!response.ok) throw await rejectionOf(response)
    return (await response.json()) as T
  }

  /** Checks the connection, or retries at once: here or in the leading tab. */
  function wake(): void {
    reconnector.wake()
    tabs?.ask(true)
  }

  function disconnect(): void {
    reconnector.stop()
    tabs?.leave()
    tabs = undefined
  }

  const stopListening = [
    runtime.onWake(wake),
    // An open connection keeps a page out of the back-forward cache, and a page in it must not lead.
    runtime.onSuspend((isSuspended) => {
      suspended = isSuspended
      disconnect()
      if (!isSuspended && !closed) void connect()
    }),
  ]

  void connect()

  return {
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    on: (name, listener) => store.on(name, listener),
    async refresh() {
      if (closed) return store.getSnapshot()
      if (store.getSnapshot().status.state === 'refused') {
        disconnect()
        void connect()
      } else {
        wake()
      }
      try {
        store.refresh(await read<BalanceInitial>('/transactions/balance', { currency }))
      } catch (error) {
        store.setStatus({}, { error: error as BalanceError })
      }
      return store.getSnapshot()
    },
    canAfford: ({ amount, type, currency: asked = currency }) =>
      read<CanAfford>('/transactions/can-afford', { amount, currency: asked, type }),
    history: ({ before, after, limit } = {}) =>
      read<EventsPage>('/balance/events', { before, after, limit }),
    close() {
      if (closed) return
      closed = true
      disconnect()
      for (const stop of stopListening) stop()
      store.setStatus({ state: 'closed' })
    },
  }
}
