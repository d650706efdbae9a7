import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { RequestError } from '@hono/node-server'
import { ApiError } from '../lib/api-error.ts'
import { problemOf } from './errors.ts'
import { corsHeaders } from './middleware/cors.ts'
import { BASE_HEADERS, nextRequestId, requestIdOf } from './middleware/request-id.ts'

/**
 * Answers a request that never reaches the app, as the app would. An upgrade has no response yet: there the
 * answer goes to the socket, which closes with it.
 */
export function rejectRequest(
  request: IncomingMessage,
  target: ServerResponse | Duplex,
  error: ApiError,
  corsOrigins: readonly string[],
): void {
  const { 'x-request-id': given, origin } = request.headers
  const requestId = requestIdOf(given?.toString())
  const { problem, headers: more } = problemOf(error, requestId)
  const body = JSON.stringify(problem)
  const headers: Record<string, string | number> = {
    ...BASE_HEADERS,
    'X-Request-Id': requestId,
    ...corsHeaders(corsOrigins, origin),
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...more,
  }
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

/** The answer to what cannot be made a request of for the app: its address or its Host is not one. */
export function malformedRequest(error: unknown): Response {
  const known =
    error instanceof RequestError
      ? new ApiError(400, 'invalid_request', 'Malformed request target or Host header.')
      : new ApiError(500, 'internal', 'Something went wrong on our side.')
  const { problem } = problemOf(known, nextRequestId())
  return Response.json(problem, {
    status: known.status,
    headers: { ...BASE_HEADERS, 'X-Request-Id': problem.requestId },
  })
}
