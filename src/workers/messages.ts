import type { PrivateServices } from '../local/services.ts'
import type { MetricValues } from '../observability/prometheus.ts'
import type { Exposition } from '../routes/deps.ts'

/** The workers of a port, as their parent sees them. */
export interface Team {
  /** The numbers of those that may have sessions of clients, also while they drain. A number is used once. */
  alive: readonly number[]
  /** How many take new connections. */
  up: number
  /** How many there should be: WORKERS. */
  wanted: number
  /** Workers that ended without being asked to, since the parent was started. */
  crashes: number
}

/** What the parent says to a worker. */
export type ToWorker =
  /** In answer to `begin`. */
  | { kind: 'services'; services: PrivateServices }
  | { kind: 'team'; team: Team }
  /** With a new connection. Asks for `confirmed`. */
  | { kind: 'accepted'; number: number }
  /** With a connection of another worker, and the bytes that it read from it. */
  | { kind: 'handed over'; bytes: Uint8Array }
  /** Asks for `values`. */
  | { kind: 'values'; request: number }
  /** In answer to `exposition`. Undefined: some worker did not answer. */
  | { kind: 'exposition'; request: number; exposition: Exposition | undefined }
  /** `replaced`: the other workers go on. */
  | { kind: 'stop'; replaced: boolean }
  /** Asks for `pong`. */
  | { kind: 'ping' }

/** What a worker says to its parent. */
export type ToParent =
  | { kind: 'begin' }
  /** It serves. */
  | { kind: 'ready' }
  /** It has a new connection, and so many in all. */
  | { kind: 'confirmed'; number: number; connections: number }
  /** It takes no new connection any more. */
  | { kind: 'draining' }
  /** With a connection for the worker `owner`. */
  | { kind: 'hand over'; owner: number; bytes: Uint8Array }
  /** Its metrics. Without `request` they are its last. */
  | { kind: 'values'; request?: number; values: MetricValues }
  /** Asks for the metrics of all workers. */
  | { kind: 'exposition'; request: number }
  | { kind: 'pong'; connections: number }
