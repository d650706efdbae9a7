import {
  LivebalanceError,
  type LivebalanceErrorCode,
  type LivebalanceErrorFields,
} from './errors.ts'

/**
 * What a failed attempt did to the ledger.
 * - `none`: nothing, and the command was not decided. Any call can be repeated.
 * - `unknown`: it may have been applied. Only a call that can be applied once at most can be repeated.
 * - `decided`: it was refused. A repetition would be refused again.
 */
type Effect = 'none' | 'unknown' | 'decided'

interface FailureFields
  extends Pick<LivebalanceErrorFields, 'status' | 'details' | 'requestId' | 'retryAfter'> {
  effect: Effect
  /** Whether a later attempt may succeed. */
  isRetriable: boolean
  /** The token that the server did not accept. */
  rejectedToken?: string | undefined
  cause?: unknown
}

/** Why one attempt failed. */
export class Failure {
  readonly code: LivebalanceErrorCode
  readonly message: string
  readonly fields: FailureFields

  constructor(code: LivebalanceErrorCode, message: string, fields: FailureFields) {
    this.code = code
    this.message = message
    this.fields = fields
  }

  /** Whether the outcome of the call is unknown after this attempt. */
  leavesUnknown(before: boolean): boolean {
    return this.fields.effect === 'none' ? before : this.fields.effect === 'unknown'
  }

  toError(
    more: Pick<LivebalanceErrorFields, 'idempotencyKey' | 'unknownOutcome'>,
  ): LivebalanceError {
    const { status, details, requestId, retryAfter, cause } = this.fields
    const fields = { status, details, requestId, retryAfter, ...more }
    return new LivebalanceError(this.code, this.message, fields, { cause })
  }
}

/** @param cause the error of `fetch`, or why the attempt was ended */
export function lostAnswer(cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Failure('unreachable', `The server did not answer: ${reason}.`, {
    effect: 'unknown',
    isRetriable: true,
    cause,
  })
}

export function tokenFailure(cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : 'it gave no token in time'
  return new Failure('token_unavailable', `The option token failed: ${reason}.`, {
    effect: 'none',
    isRetriable: false,
    cause,
  })
}

/** A success that is not JSON, which is the answer of some other program. */
export function notJson({ status }: Response): Failure {
  const message = `The answer with status ${status} is not JSON.`
  return new Failure('invalid_response', message, { status, effect: 'unknown', isRetriable: false })
}

/** @param token that was sent */
export function failureOf({ status, headers }: Response, body: string, token: string): Failure {
  const retryAfter = secondsOf(headers.get('Retry-After'))
  const problem = problemIn(body)
  if (!problem) {
    const isGateway = status === 429 || status === 502 || status === 503 || status === 504
    return new Failure(
      isGateway ? 'unreachable' : 'invalid_response',
      `The answer with status ${status} is not one of Livebalance.`,
      { status, retryAfter, effect: status === 429 ? 'none' : 'unknown', isRetriable: isGateway },
    )
  }
  const { code, message, requestId, details } = problem
  const fields = { status, retryAfter, requestId, details }
  if (status === 401) {
    return new Failure(code, message, {
      ...fields,
      effect: 'none',
      isRetriable: false,
      rejectedToken: token,
    })
  }
  // The server names a time only where nothing was applied.
  if (status === 429 || (status === 503 && retryAfter !== undefined)) {
    return new Failure(code, message, { ...fields, effect: 'none', isRetriable: true })
  }
  if (status >= 500) {
    const isRetriable = status !== 500
    return new Failure(code, message, { ...fields, effect: 'unknown', isRetriable })
  }
  return new Failure(code, message, { ...fields, effect: 'decided', isRetriable: false })
}

interface Problem {
  code: LivebalanceErrorCode
  message: string
  requestId: string
  details?: Record<string, unknown>
}

function problemIn(body: string): Problem | undefined {
  try {
    const { code, message, requestId, details } = JSON.parse(body)
    const given = [code, message, requestId].every((field) => typeof field === 'string')
    return given ? { code, message, requestId, details } : undefined
  } catch {
    return undefined
  }
}

/** `Retry-After` is a number of seconds, or from some proxies a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds)
}
