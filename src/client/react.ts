'use client'

import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { IDLE } from './balance-store.ts'
import { type BalanceClient, createBalanceClient } from './client.ts'
import type {
  AffordQuery,
  BalanceClientOptions,
  BalanceEvent,
  BalanceSnapshot,
  CanAfford,
} from './types.ts'

export type UseBalanceOptions = BalanceClientOptions & {
  /**
   * Components with equal options share one connection. `getToken` cannot be compared: if it may return
   * another user's token later, pass the user's id here.
   */
  key?: string | undefined
}

export interface UseBalance extends BalanceSnapshot {
  /**
   * Reads the balance from the ledger. If the client waits for its next attempt or was refused, it connects at
   * once. Never rejects.
   */
  refreshBalance(): Promise<void>
}

/**
 * The live balance of the token's user. Without a token, and during server rendering, `balance` is null and
 * nothing connects.
 * @param source a token, the options of a client, or your own client, which the hook does not close
 * @param onEvent receives each ledger event. Several may arrive between two renders, and `lastEvent` shows only
 *   the last one
 */
export function useBalance(
  source: string | UseBalanceOptions | BalanceClient | null | undefined,
  onEvent?: (event: BalanceEvent) => void,
): UseBalance {
  const latest = useRef({ source, onEvent })
  useEffect(() => {
    latest.current = { source, onEvent }
  })

  const handle = useHandle(source, latest)
  const snapshot = useSyncExternalStore(handle.subscribe, handle.getSnapshot, () => IDLE)
  useEffect(() => handle.onEvent((event) => latest.current.onEvent?.(event)), [handle])
  return { ...snapshot, refreshBalance: handle.refresh }
}

/** The shortest time between two questions of one component, so that a busy wallet does not use up the read limit. */
const AFFORD_PAUSE_MS = 1_000
/** The longest delay that timers take. */
const MAX_DELAY_MS = 2 ** 31 - 1

/**
 * Whether the token's user can afford a payment: the ledger's decision, with the reason. It follows the balance: the
 * hook asks again after each event, and when money is expected to be free again. Null while the answer is unknown.
 * @param source as for `useBalance`, whose connection it shares
 */
export function useCanAfford(
  source: string | UseBalanceOptions | BalanceClient | null | undefined,
  query: AffordQuery,
): CanAfford | null {
  const latest = useRef({ source })
  useEffect(() => {
    latest.current = { source }
  })
  const handle = useHandle(source, latest)
  useSyncExternalStore(handle.subscribe, handle.getSnapshot, () => IDLE)
  const { amount, currency, type } = query
  const question = JSON.stringify({ amount, currency, type })
  const [answer, setAnswer] = useState<{ to: string; of: Handle; value: CanAfford | null }>()

  useEffect(() => {
    let stopped = false
    let timer: ReturnType<typeof setTimeout> | undefined
    let asking = false
    /** An event arrived while a question was under way, or just after it. */
    let stale = false

    function askIn(ms: number): void {
      clearTimeout(timer)
      timer = setTimeout(ask, Math.min(ms, MAX_DELAY_MS))
    }
    async function ask(): Promise<void> {
      asking = true
      stale = false
      const value = await handle.canAfford(JSON.parse(question)).catch(() => null)
      if (stopped) return
      setAnswer({ to: question, of: handle, value })
      timer = setTimeout(() => {
        asking = false
        if (stale) void ask()
        else if (value?.freesAt) askIn(Date.parse(value.freesAt) - Date.now())
      }, AFFORD_PAUSE_MS)
    }
    function changed(): void {
      if (asking) stale = true
      else askIn(0)
    }

    const stopListening = handle.onEvent(changed)
    let { status } = handle.getSnapshot()
    // A connection that was lost may have missed an event.
    const unsubscribe = handle.subscribe(() => {
      const now = handle.getSnapshot().status
      if (now.state === 'live' && status.state !== 'live') changed()
      status = now
    })
    askIn(0)
    return () => {
      stopped = true
      clearTimeout(timer)
      stopListening()
      unsubscribe()
    }
  }, [handle, question])

  return answer?.to === question && answer.of === handle ? answer.value : null
}

/** The handle of a source. Equal options give the same one. */
function useHandle(source: Source, latest: { current: { source: Source } }): Handle {
  const identity = identify(source)
  // biome-ignore lint/correctness/useExhaustiveDependencies: equal options share a connection
  return useMemo(() => {
    if (identity === null) return NOTHING
    if (typeof identity === 'object') return ofClient(identity)
    return ofKey(identity, () => optionsOf(latest.current.source) ?? (optionsOf(source) as never))
  }, [identity])
}

/** A client as a component uses it. The client may exist only while a component uses it. */
interface Handle {
  subscribe(listener: () => void): () => void
  getSnapshot(): BalanceSnapshot
  onEvent(listener: (event: BalanceEvent) => void): () => void
  refresh(): Promise<void>
  /** Rejects while there is no client. */
  canAfford(query: AffordQuery): Promise<CanAfford>
}

const NOTHING: Handle = {
  subscribe: () => () => {},
  getSnapshot: () => IDLE,
  onEvent: () => () => {},
  refresh: async () => {},
  canAfford: () => Promise.reject(new Error('There is no token.')),
}

function ofClient(client: BalanceClient): Handle {
  return {
    subscribe: (listener) => client.subscribe(listener),
    getSnapshot: () => client.getSnapshot(),
    onEvent: (listener) => client.on('*', listener),
    refresh: async () => void (await client.refresh()),
    canAfford: (query) => client.canAfford(query),
  }
}

function ofKey(key: string, options: CurrentOptions): Handle {
  const withClient = (start: (client: BalanceClient) => () => void) => {
    const stop = start(clients.acquire(key, options))
    return () => {
      stop()
      clients.release(key, options)
    }
  }
  return {
    subscribe: (listener) => withClient((client) => client.subscribe(listener)),
    getSnapshot: () => clients.peek(key)?.getSnapshot() ?? IDLE,
    onEvent: (listener) => withClient((client) => client.on('*', listener)),
    refresh: async () => void (await clients.peek(key)?.refresh()),
    canAfford: (query) => clients.peek(key)?.canAfford(query) ?? NOTHING.canAfford(query),
  }
}

/** The current options: a component may pass a new `getToken` at every render. */
type CurrentOptions = () => BalanceClientOptions

interface Entry {
  client: BalanceClient
  users: CurrentOptions[]
}

/** Shares one client among all components that use the same key, until the last of them releases it. */
class SharedClients {
  readonly #entries = new Map<string, Entry>()

  peek(key: string): BalanceClient | undefined {
    return this.#entries.get(key)?.client
  }

  /** Call `release` with the same arguments when the client is no longer used. */
  acquire(key: string, options: CurrentOptions): BalanceClient {
    let entry = this.#entries.get(key)
    if (!entry) {
      const users: CurrentOptions[] = []
      entry = { client: createBalanceClient(withLatestToken(options(), users)), users }
      this.#entries.set(key, entry)
    }
    entry.users.push(options)
    return entry.client
  }

  release(key: string, options: CurrentOptions): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    entry.users.splice(entry.users.lastIndexOf(options), 1)
    if (entry.users.length > 0) return
    // StrictMode and page changes release a client and acquire it again at once.
    setTimeout(() => {
      if (entry.users.length > 0 || this.#entries.get(key) !== entry) return
      this.#entries.delete(key)
      entry.client.close()
    })
  }
}

function withLatestToken(
  options: BalanceClientOptions,
  users: readonly CurrentOptions[],
): BalanceClientOptions {
  const { getToken } = options
  if (!getToken) return options
  return { ...options, getToken: () => (users.at(-1)?.().getToken ?? getToken)() }
}

/** One for the whole page, so that unrelated components share a connection. */
const clients = new SharedClients()

type Source = Parameters<typeof useBalance>[0]

/** Equal for sources that share a connection. */
function identify(source: Source): string | BalanceClient | null {
  if (isClient(source)) return source
  const options = optionsOf(source)
  if (!options) return null
  const { url, token, transport, currency, maxRate, transactions, share, key } = options
  return JSON.stringify([url, token, transport, currency, maxRate, transactions, share, key])
}

function optionsOf(source: Source): UseBalanceOptions | undefined {
  if (!source || isClient(source)) return undefined
  return typeof source === 'string' ? { token: source } : source
}

function isClient(source: Source): source is BalanceClient {
  return typeof source === 'object' && source !== null && 'getSnapshot' in source
}
