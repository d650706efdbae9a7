export { type ApiOptions, type BalanceApi, createApi, createIdempotencyKey } from './api.ts'
export { type BalanceClient, createBalanceClient } from './client.ts'
export type { Fetch, WebSocketConstructor, WebSocketLike } from './runtime.ts'
export type {
  AffordQuery,
  BalanceAlert,
  BalanceClientOptions,
  BalanceError,
  BalanceEvent,
  BalanceInitial,
  BalanceInsufficient,
  BalanceSnapshot,
  BalanceStatus,
  BalanceUpdated,
  CanAfford,
  ClientErrorCode,
  ClientEvents,
  ConnectionState,
  GetToken,
  LedgerEventFields,
  LedgerEvents,
  RetryBounds,
  ServerOption,
  TokenOption,
  TransactionCompleted,
  TransactionFailed,
  Transport,
} from './types.ts'
