import type { ErrorCode } from '../lib/api-error.ts'

/**
 * The server's error codes, and those of this library:
 * - `unreachable`: no answer of the server arrived, or a proxy answered in its place.
 * - `invalid_response`: the answer is not one of Livebalance.
 * - `token_unavailable`: the function `token` failed, or gave nothing in time.
 */
export type LivebalanceErrorCode =
  | ErrorCode
  | 'unreachable'
  | 'invalid_response'
  | 'token_unavailable'

export interface LivebalanceErrorFields {
  /** HTTP status. Undefined: there was no answer. */
  status?: number | undefined
  /** What the code leaves open, such as `shortfall` of `insufficient_funds`. */
  details?: Record<string, unknown> | undefined
  /** Finds the request in the server's log. */
  requestId?: string | undefined
  /** Seconds that the server asks to wait. */
  retryAfter?: number | undefined
  /** The key of the call, to repeat it later. Undefined: the call takes none. */
  idempotencyKey?: string | undefined
  /**
   * Whether the call may have taken effect all the same. Repeat it with the same `idempotencyKey` to learn
   * the outcome. False for calls that only read.
   */
  unknownOutcome?: boolean
}

/** Why a call failed. A refusal of the ledger is such an error, too: `error.code === 'insufficient_funds'`. */
export class LivebalanceError extends Error {
  override readonly name = 'LivebalanceError'
  readonly code: LivebalanceErrorCode
  readonly status: number | undefined
  readonly details: Record<string, unknown> | undefined
  readonly requestId: string | undefined
  readonly retryAfter: number | undefined
  readonly idempotencyKey: string | undefined
  readonly unknownOutcome: boolean

  constructor(
    code: LivebalanceErrorCode,
    message: string,
    fields: LivebalanceErrorFields = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.status = fields.status
    this.details = fields.details
    this.requestId = fields.requestId
    this.retryAfter = fields.retryAfter
    this.idempotencyKey = fields.idempotencyKey
    this.unknownOutcome = fields.unknownOutcome ?? false
  }
}
