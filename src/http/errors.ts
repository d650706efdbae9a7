import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { RequestError } from '@hono/node-server'
import type { ErrorHandler, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { RefusalDetails } from '../ledger/command.ts'
import { ApiError, type ErrorCode, type ErrorStatus, type RefusalCode } from '../lib/api-error.ts'
import type { Logger } from '../lib/log.ts'
import { failureOf } from '../postgres/errors.ts'
import type { Env } from './context.ts'
import { corsHeaders } from './middleware/cors.ts'
import { BASE_HEADERS, nextRequestId, requestIdOf } from './middleware/observe.ts'
import { amountJson, answer } from './payload.ts'

/** Each refusal of the ledger, with its HTTP status and its message. */
export const REFUSALS: Readonly<
  Record<RefusalCode, readonly [status: ErrorStatus, message: string]>
> = {
  invalid_amount: [400, 'The amount is not valid.'],
  invalid_command: [400, 'The request is not valid. `details.field` says where.'],
  unknown_currency: [400, 'The currency is not known.'],
  currency_mismatch: [400, 'The transaction is in another currency.'],
  invalid_split: [
    400,
    'The split is not valid: its parts must come to the whole amount, and name each payee and fee once.',
  ],
  self_transfer: [400, 'You cannot transfer money to yourself.'],
  insufficient_funds: [402, 'Not enough money is available.'],
  self_approval: [403, 'You cannot decide on your own transaction or adjust your own balance.'],
  wallet_frozen: [
    403,
    'The wallet is frozen. `details.frozen` says whether for debits or for credits.',
  ],
  not_your_hold: [403, 'A service opened this hold. Only a service can end it.'],
  second_admin_required: [
    403,
    'You gave the first approval. The second one must be another admin’s.',
  ],
  not_found: [404, 'There is no such transaction.'],
  unknown_user: [404, 'There is no such user.'],
  wrong_type: [409, 'The transaction has another type.'],
  already_processed: [409, 'The transaction is already final.'],
  not_refundable: [409, 'Only a completed payment can be refunded.'],
  payee_insufficient_funds: [
    409,
    'A payee of the payment has too little left to give back their part. `details.userId` says who.',
  ],
  hold_expired: [409, 'The hold has expired.'],
  bulk_aborted: [409, 'Nothing was applied, because another command of the bulk was refused.'],
  balance_limit_exceeded: [422, 'The balance would be larger than a wallet can hold.'],
  refund_exceeds_payment: [422, 'The refunds would be larger than the payment.'],
  capture_exceeds_hold: [422, 'The amount is larger than the hold.'],
  limit_exceeded: [422, 'The amount exceeds a spending limit.'],
  idempotency_key_reused: [422, 'This Idempotency-Key was already used for another request.'],
}

/** Every error code, with its HTTP status and its meaning. Without a status, it occurs only on real-time connections. */
export const ERRORS: Readonly<
  Record<ErrorCode, readonly [status: ErrorStatus | null, message: string]>
> = {
  ...REFUSALS,
  invalid_request: [
    400,
    'The request is not valid. If single fields are not valid, `details.issues` names them.',
  ],
  invalid_signature: [
    400,
    'The signature of a payment provider’s request is missing, wrong or too old.',
  ],
  unauthorized: [401, 'The token is missing or not valid. `details.reason` says why.'],
  token_expired: [401, 'The token has expired.'],
  token_revoked: [401, 'The token was revoked. Sign in again.'],
  forbidden: [
    403,
    'The caller’s role, or the scopes of their key, do not allow the request; or neither `CORS_ORIGINS` nor the tenant lists the origin of the page.',
  ],
  tenant_suspended: [
    403,
    'The operator of the platform has suspended the tenant. Nothing is lost, and all goes on once it is resumed.',
  ],
  conflict: [409, 'The request contradicts the current state.'],
  sign_in_failed: [
    400,
    'The sign-in at the identity provider did not succeed. `details.reason` says why.',
  ],
  payload_too_large: [
    413,
    'The body is larger than 64 KiB, 256 KiB from a payment provider, or 1 MiB for a bulk (5 MiB of a service or an admin).',
  ],
  unsupported_media_type: [415, 'The body is not declared as JSON, or is compressed.'],
  rate_limited: [429, 'Too many requests. Try again after `Retry-After` seconds.'],
  too_many_connections: [429, 'The user, or their tenant, has too many open connections.'],
  internal: [500, 'A fault of the server. Find it in the server’s log by `requestId`.'],
  unavailable: [
    503,
    'A part of the server is unavailable. Nothing was changed. Try again after `Retry-After` seconds.',
  ],
  timeout: [
    503,
    'No answer in time. A write may have taken effect: repeat it with the same `Idempotency-Key`.',
  ],
  shutting_down: [503, 'The server is restarting. Connect again.'],
  handshake_timeout: [503, 'The client was not authenticated in time.'],
  message_too_large: [null, 'The message is larger than 16 KiB.'],
  slow_consumer: [null, 'The client read too slowly. Connect again and resume.'],
}

/** The body of every error answer. */
export interface Problem {
  code: ErrorCode
  /** For people; it may change. Programs read `code`. */
  message: string
  requestId: string
  details?: Record<string, unknown>
}

/** The ledger's refusal as an error. Its amounts become JSON numbers of major units. */
export function refusal(
  code: RefusalCode,
  details: RefusalDetails = {},
  headers: Record<string, string> = {},
): ApiError {
  const [status, message] = REFUSALS[code]
  const fields = Object.entries(details).map(([name, value]) => [
    name,
    typeof value === 'bigint' && details.currency ? amountJson(value, details.currency) : value,
  ])
  return new ApiError(status, code, message, {
    headers,
    ...(fields.length > 0 && { details: Object.fromEntries(fields) }),
  })
}

/** Without `Retry-After`, because a caller who repeats a write without a key could apply it twice. */
export const timeoutError = (cause?: unknown) =>
  new ApiError(
    503,
    'timeout',
    'The request took too long. It may have taken effect: repeat it with the same Idempotency-Key.',
    { cause },
  )

const internalError = (cause?: unknown) =>
  new ApiError(500, 'internal', 'Internal server error.', { cause })

/** Answers every error that a handler or a middleware throws. An unexpected error is logged and not shown. */
export function onError(log: Logger): ErrorHandler<Env> {
  return (error, c) => {
    const known = asApiError(error, c.req.method)
    const requestId = c.get('requestId')
    if (known.status >= 500) {
      const level = known.code === 'internal' ? 'error' : 'warn'
      log[level]({ err: known.cause ?? known, requestId, path: c.req.path }, 'request failed')
    }
    const { problem, headers } = problemOf(known, requestId)
    return answer(c, problem, known.status, headers)
  }
}

export const notFoundError = () =>
  new ApiError(404, 'not_found', 'There is no resource at this path.')

export const notFound: NotFoundHandler<Env> = () => {
  throw notFoundError()
}

/**
 * Answers a request that does not reach the app, as the app would. An upgrade has no response object: its
 * answer goes to the socket, which is then closed.
 */
export function rejectRequest(
  request: IncomingMessage,
  target: ServerResponse | Duplex,
  error: ApiError,
  corsOrigins: readonly string[],
): void {
  const { 'x-request-id': given, origin } = request.headers
  const { body, headers } = rejection(error, corsOrigins, given?.toString(), origin)
  if (target instanceof ServerResponse) {
    target.writeHead(error.status, headers).end(body)
    return
  }
  const lines = Object.entries({ Connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  const status = `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`
  target.end([status, ...lines, '', body].join('\r\n'), () => target.destroy())
}

/** The same for a runtime that serves by `fetch`. */
export function rejected(
  { headers: sent }: Request,
  error: ApiError,
  corsOrigins: readonly string[],
): Response {
  const requestId = sent.get('x-request-id') ?? undefined
  const { body, headers } = rejection(
    error,
    corsOrigins,
    requestId,
    sent.get('origin') ?? undefined,
  )
  return new Response(body, { status: error.status, headers })
}

function rejection(
  error: ApiError,
  corsOrigins: readonly string[],
  givenId: string | undefined,
  origin: string | undefined,
): { body: string; headers: Record<string, string> } {
  const requestId = requestIdOf(givenId)
  const { problem, headers: more } = problemOf(error, requestId)
  const body = JSON.stringify(problem)
  const headers = {
    ...BASE_HEADERS,
    'X-Request-Id': requestId,
    ...corsHeaders(corsOrigins, origin),
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...more,
  }
  return { body, headers }
}

/** Answers a request that Node's adapter cannot turn into a `Request` for the app. */
export function malformedRequest(error: unknown): Response {
  const known =
    error instanceof RequestError
      ? new ApiError(400, 'invalid_request', 'Malformed request target or Host header.')
      : internalError()
  const { problem } = problemOf(known, nextRequestId())
  return Response.json(problem, {
    status: known.status,
    headers: { ...BASE_HEADERS, 'X-Request-Id': problem.requestId },
  })
}

function asApiError(error: Error, method: string): ApiError {
  if (error instanceof ApiError) return error
  const failure = failureOf(error)
  if (failure) {
    const onlyReads = method === 'GET' || method === 'HEAD'
    if (!failure.notApplied && !onlyReads) return timeoutError(error)
    return new ApiError(
      503,
      'unavailable',
      'The ledger is unavailable. Try again, a write with the same Idempotency-Key.',
      { retryAfter: 1, cause: error },
    )
  }
  if (error instanceof HTTPException && error.status < 500) {
    return new ApiError(400, 'invalid_request', 'The request is not valid.', { cause: error })
  }
  return internalError(error)
}

/** The body of an error answer, and its headers. */
function problemOf(
  { code, message, details, status, retryAfter, headers }: ApiError,
  requestId: string,
): { problem: Problem; headers: Record<string, string> } {
  return {
    problem: { code, message, requestId, ...(details && { details }) },
    headers: {
      ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
      ...headers,
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
    },
  }
}
