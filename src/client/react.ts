'use client'

import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import type { BalanceClient } from './client.ts'
import type { BalanceEvent } from './events.ts'
import type { BalanceClientOptions } from './options.ts'
import { type CurrentOptions, SharedClients } from './shared-clients.ts'
import { type BalanceSnapshot, IDLE } from './snapshot.ts'

export type UseBalanceOptions = BalanceClientOptions & {
  /**
   * Components with equal options share one connection. `getToken` cannot be compared: where it may
   * come to stand for another user, give the user's id here.
   */
  key?: string | undefined
}

export interface UseBalance extends BalanceSnapshot {
  /** Reads the balance from the ledger, and connects at once if the client was waiting to. Never rejects. */
  refreshBalance(): Promise<void>
}

/** One per page: it is what lets components share that know nothing of each other. */
const clients = new SharedClients()

/**
 * The live balance of a token's user. Without a token (before sign-in), and during server rendering,
 * `balance` is null and nothing connects.
 * @param source a token, the options of a client, or a client of your own, which stays yours to close
 * @param onEvent gets each event of the ledger: several may come between two renderings, where
 *   `lastEvent` only shows the last one
 */
export function useBalance(
  source: string | UseBalanceOptions | BalanceClient | null | undefined,
  onEvent?: (event: BalanceEvent) => void,
): UseBalance {
  const latest = useRef({ source, onEvent })
  useEffect(() => {
    latest.current = { source, onEvent }
  })

  const identity = identify(source)
  // biome-ignore lint/correctness/useExhaustiveDependencies: equal options are the same connection
  const handle = useMemo(() => {
    if (identity === null) return NOTHING
    if (typeof identity === 'object') return ofClient(identity)
    return ofKey(identity, () => optionsOf(latest.current.source) ?? (optionsOf(source) as never))
  }, [identity])

  const snapshot = useSyncExternalStore(handle.subscribe, handle.getSnapshot, () => IDLE)
  useEffect(() => handle.onEvent((event) => latest.current.onEvent?.(event)), [handle])
  return { ...snapshot, refreshBalance: handle.refresh }
}

/** A connection as a component uses it: it may be one that exists only while it is used. */
interface Handle {
  subscribe(listener: () => void): () => void
  getSnapshot(): BalanceSnapshot
  onEvent(listener: (event: BalanceEvent) => void): () => void
  refresh(): Promise<void>
}

const NOTHING: Handle = {
  subscribe: () => () => {},
  getSnapshot: () => IDLE,
  onEvent: () => () => {},
  refresh: async () => {},
}

function ofClient(client: BalanceClient): Handle {
  return {
    subscribe: (listener) => client.subscribe(listener),
    getSnapshot: () => client.getSnapshot(),
    onEvent: (listener) => client.on('*', listener),
    refresh: async () => void (await client.refresh()),
  }
}

function ofKey(key: string, options: CurrentOptions): Handle {
  const using = (start: (client: BalanceClient) => () => void) => {
    const stop = start(clients.acquire(key, options))
    return () => {
      stop()
      clients.release(key, options)
    }
  }
  return {
    subscribe: (listener) => using((client) => client.subscribe(listener)),
    getSnapshot: () => clients.peek(key)?.getSnapshot() ?? IDLE,
    onEvent: (listener) => using((client) => client.on('*', listener)),
    refresh: async () => void (await clients.peek(key)?.refresh()),
  }
}

type Source = Parameters<typeof useBalance>[0]

/** Equal for sources that may share a connection. */
function identify(source: Source): string | BalanceClient | null {
  if (isClient(source)) return source
  const options = optionsOf(source)
  if (!options) return null
  const { url, token, transport, currency, share, key } = options
  return JSON.stringify([url, token, transport, currency, share, key])
}

function optionsOf(source: Source): UseBalanceOptions | undefined {
  if (!source || isClient(source)) return undefined
  return typeof source === 'string' ? { token: source } : source
}

function isClient(source: Source): source is BalanceClient {
  return typeof source === 'object' && source !== null && 'getSnapshot' in source
}
