export { type ApiOptions, type BalanceApi, createApi } from './api.ts'
export { type BalanceClient, createBalanceClient } from './client.ts'
export type {
  BalanceAlert,
  BalanceError,
  BalanceEvent,
  BalanceInitial,
  BalanceInsufficient,
  BalanceUpdated,
  ClientErrorCode,
  ClientEvents,
  LedgerEventFields,
  LedgerEvents,
  TransactionCompleted,
  TransactionFailed,
} from './events.ts'
export { createIdempotencyKey } from './idempotency-key.ts'
export type { BalanceClientOptions, ServerOption, TokenOption } from './options.ts'
export type { RetryBounds } from './retry.ts'
export type { Fetch, WebSocketConstructor, WebSocketLike } from './runtime.ts'
export type { BalanceSnapshot, BalanceStatus, ConnectionState, Transport } from './snapshot.ts'
export type { GetToken } from './token.ts'
