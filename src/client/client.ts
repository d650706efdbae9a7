import { authorizedFetch } from './authorized-fetch.ts'
import { BalanceStore, type SharedState } from './balance-store.ts'
import type { BalanceError, BalanceInitial, ClientEvents } from './events.ts'
import { type BalanceClientOptions, serverUrl } from './options.ts'
import { Connector } from './reconnect.ts'
import { Retry } from './retry.ts'
import { currentRuntime, type Runtime } from './runtime.ts'
import type { BalanceSnapshot, BalanceStatus } from './snapshot.ts'
import { Tabs } from './tab-leader.ts'
import { identityOf, TokenSource } from './token.ts'
import { refusalOf, unreachable } from './transports/transport.ts'

export interface BalanceClient {
  /** Calls back after every change of the snapshot. Returns the way to stop it. */
  subscribe(listener: () => void): () => void
  /** What is known now; the same object until something changes. */
  getSnapshot(): BalanceSnapshot
  /** Calls back for each event of the name, once and in order. Returns the way to stop it. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (payload: ClientEvents[Name]) => void,
  ): () => void
  /**
   * Reads the balance from the ledger, and connects at once if the client was waiting to, or was
   * refused. Resolves with the snapshot; never rejects: a failure is in its `error`.
   */
  refresh(): Promise<BalanceSnapshot>
  /** Ends the connection for good. */
  close(): void
}

/** What the leading tab tells the others. */
type TabMessage =
  | { event: string; data: Record<string, unknown> }
  | {
      status: Omit<BalanceStatus, 'role'>
      error: BalanceError | null
      state: SharedState | undefined
    }

/**
 * A live balance: connects at once, stays connected, and misses nothing in between.
 * @throws TypeError without a URL outside of web pages
 */
export function createBalanceClient(options: BalanceClientOptions): BalanceClient {
  return openClient(options, currentRuntime())
}

/** `createBalanceClient`, with a runtime of the test's own. */
export function openClient(options: BalanceClientOptions, around: Runtime): BalanceClient {
  const place: Runtime = {
    ...around,
    fetch: options.fetch ?? around.fetch,
    WebSocket: options.WebSocket ?? around.WebSocket,
  }
  const url = serverUrl(options.url, place.baseUrl)
  const { currency, transport = 'auto', share = true, connectTimeout = 8_000 } = options
  const tokens = new TokenSource(options)
  const store = new BalanceStore()
  const retry = new Retry(options.retry ?? {})
  const request = authorizedFetch(place.fetch, tokens)
  let tabs: Tabs | undefined
  let closed = false
  let away = false
  /** Why this client was refused last: it may follow another tab since, and be left alone by it. */
  let refusal: BalanceError | null = null

  const connector = new Connector({
    url,
    tokens,
    transport,
    currency,
    connectTimeout,
    store,
    retry,
    currentRuntime: place,
    message(event, data) {
      store.receive(event, data)
      tabs?.send({ event, data } satisfies TabMessage)
    },
    changed: tell,
    refused(error) {
      refusal = error
      // Another tab may have a better token.
      tabs?.resign()
    },
  })

  /** Tells the other tabs how things stand. */
  function tell(): void {
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
    const { tabs: tools } = place
    store.setStatus({ state: store.lastEventId === undefined ? 'connecting' : 'reconnecting' })
    if (!tools || !share) return connector.start()
    // Who it is must be known before it is known with whom to share. The connector says what fails.
    const token = await tokens.get().catch(() => undefined)
    const identity = token === undefined ? undefined : identityOf(token)
    if (closed || away || tabs) return
    if (identity === undefined) return connector.start()
    tabs = new Tabs({
      tools,
      name: `livebalance ${JSON.stringify([url, identity, currency])}`,
      isVisible: place.isVisible,
      lead() {
        store.setStatus({ role: 'leader' })
        connector.start()
      },
      follow() {
        connector.stop()
        store.setStatus({ role: 'follower' })
      },
      abandoned: () => store.setStatus({ state: 'refused' }, { error: refusal }),
      receive: (message) => receive(message as TabMessage),
      asked(urgently) {
        tell()
        if (urgently) connector.wake()
      },
    })
  }

  /** There is reason to look at the connection, or to try again at once: here or in the leading tab. */
  function wake(): void {
    connector.wake()
    tabs?.ask(true)
  }

  function disconnect(): void {
    connector.stop()
    tabs?.leave()
    tabs = undefined
  }

  const stopListening = [
    place.onAwake(wake),
    // A page with an open connection cannot be kept for "back"; and one that is kept must not lead.
    place.onPutAway((putAway) => {
      away = putAway
      disconnect()
      if (!putAway && !closed) void connect()
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
      const query = currency === undefined ? '' : `?currency=${encodeURIComponent(currency)}`
      try {
        const response = await request(`${url}/transactions/balance${query}`)
        if (response.ok) store.refreshed((await response.json()) as BalanceInitial)
        else store.setStatus({}, { error: await refusalOf(response) })
      } catch (error) {
        store.setStatus({}, { error: unreachable(String(error)) })
      }
      return store.getSnapshot()
    },
    close() {
      if (closed) return
      closed = true
      disconnect()
      for (const stop of stopListening) stop()
      store.setStatus({ state: 'closed' })
    },
  }
}
