import type { BalanceError, BalanceEvent } from './events.ts'

export type Transport = 'websocket' | 'socketio' | 'sse'

/**
 * `idle`: nobody asked for a connection yet, as during server rendering. `connecting`: for the first
 * time. `live`: events come as they happen. `reconnecting`: they will, late, once the connection is
 * back. `offline`: the same, and the browser says that there is no network. `refused`: the server does
 * not want this client (`error` says why); it stays so until `refresh()` or a new client. `closed`: by
 * `close()`.
 */
export type ConnectionState =
  | 'idle'
  | 'connecting'
  | 'live'
  | 'reconnecting'
  | 'offline'
  | 'refused'
  | 'closed'

export interface BalanceStatus {
  readonly state: ConnectionState
  /** In use, or tried last. */
  readonly transport: Transport | null
  /** True while `auto` uses SSE because a WebSocket could not be opened. */
  readonly fallback: boolean
  /** Among the tabs of one user: the `leader` holds the connection, a `follower` gets its events from it. */
  readonly role: 'alone' | 'leader' | 'follower'
}

/** One moment of a client. The same object until something changes. */
export interface BalanceSnapshot {
  /** Major units of `currency`; null until the server has said it. */
  readonly balance: number | null
  readonly currency: string | null
  /** The `seq` up to which `balance` counts every event. */
  readonly seq: number | null
  readonly status: BalanceStatus
  /** The last event of the ledger. */
  readonly lastEvent: BalanceEvent | null
  /** Why the connection is not live; null while it is. */
  readonly error: BalanceError | null
}

export const IDLE: BalanceSnapshot = {
  balance: null,
  currency: null,
  seq: null,
  status: { state: 'idle', transport: null, fallback: false, role: 'alone' },
  lastEvent: null,
  error: null,
}
