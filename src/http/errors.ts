import type { ErrorHandler, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { ApiError, type ErrorCode } from '../lib/api-error.ts'
import type { Logger } from '../lib/log.ts'
import { failureOf } from '../postgres/errors.ts'
import type { Env } from './context.ts'
import { answer } from './json-response.ts'
import { timeout } from './middleware/deadline.ts'

/** The one form of every error answer. */
export interface Problem {
  code: ErrorCode
  /** For people; it may change. Programs read `code`. */
  message: string
  requestId: string
  details?: Record<string, unknown>
}

/** Turns whatever was thrown into the envelope. Nothing of an unexpected error reaches the caller. */
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

/** The envelope of an error, and the headers that go with it. */
export function problemOf(
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

export const notFound: NotFoundHandler<Env> = () => {
  throw new ApiError(404, 'not_found', 'There is nothing here.')
}

const UNAVAILABLE =
  'The ledger cannot be reached right now. Try again, a write with the same Idempotency-Key.'

function asApiError(error: Error, method: string): ApiError {
  if (error instanceof ApiError) return error
  const failure = failureOf(error)
  if (failure) {
    const onlyReads = method === 'GET' || method === 'HEAD'
    if (!failure.notApplied && !onlyReads) return timeout(error)
    return new ApiError(503, 'unavailable', UNAVAILABLE, { retryAfter: 1, cause: error })
  }
  if (error instanceof HTTPException && error.status < 500) {
    return new ApiError(400, 'invalid_request', 'The request is not valid.', { cause: error })
  }
  return new ApiError(500, 'internal', 'Something went wrong on our side.', { cause: error })
}
