/** Why the ledger refuses a command. Its SQL functions return these codes. */
export type RefusalCode =
  | 'invalid_amount'
  | 'invalid_command'
  | 'unknown_currency'
  | 'unknown_user'
  | 'currency_mismatch'
  | 'insufficient_funds'
  | 'balance_limit_exceeded'
  | 'not_found'
  | 'wrong_type'
  | 'already_processed'
  | 'self_approval'
  | 'self_transfer'
  | 'not_refundable'
  | 'refund_exceeds_payment'
  | 'capture_exceeds_hold'
  | 'hold_expired'
  | 'not_your_hold'
  | 'second_admin_required'
  | 'limit_exceeded'
  | 'wallet_frozen'
  | 'invalid_split'
  | 'payee_insufficient_funds'
  | 'idempotency_key_reused'
  | 'bulk_aborted'

/** Every `code` of an error answer, a `connect_error` or an `error` event. */
export type ErrorCode =
  | RefusalCode
  | 'invalid_request'
  | 'invalid_signature'
  | 'unauthorized'
  | 'token_expired'
  | 'token_revoked'
  | 'sign_in_failed'
  | 'forbidden'
  | 'tenant_suspended'
  | 'conflict'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'too_many_connections'
  | 'message_too_large'
  | 'handshake_timeout'
  | 'slow_consumer'
  | 'shutting_down'
  | 'unavailable'
  | 'timeout'
  | 'internal'

export type ErrorStatus = 400 | 401 | 402 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 500 | 503

/** An error that is shown to the caller, so that everything in it must be meant for them. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: ErrorStatus
  readonly code: ErrorCode
  readonly details: Record<string, unknown> | undefined
  /** Seconds, for the `Retry-After` header. */
  readonly retryAfter: number | undefined
  /** More headers of the answer. */
  readonly headers: Record<string, string> | undefined

  constructor(
    status: ErrorStatus,
    code: ErrorCode,
    message: string,
    options: {
      details?: Record<string, unknown>
      retryAfter?: number
      headers?: Record<string, string>
      cause?: unknown
    } = {},
  ) {
    super(message, { cause: options.cause })
    this.status = status
    this.code = code
    this.details = options.details
    this.retryAfter = options.retryAfter
    this.headers = options.headers
  }
}
