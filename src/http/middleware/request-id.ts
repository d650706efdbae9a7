import { randomBytes } from 'node:crypto'
import { factory } from '../context.ts'

const SAFE_ID = /^[\w.:=-]{1,128}$/

/** On every answer. Balances are private and change, so no cache may store them and no page may frame them. */
export const BASE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
} as const

/** Unique to this process. A UUID for each request would cost a microsecond. */
const PROCESS_ID = randomBytes(9).toString('base64url')
let requests = 0

export function nextRequestId(): string {
  return `${PROCESS_ID}-${(requests++).toString(36)}`
}

/** The caller's `X-Request-Id` if it is safe to log and to echo, else a new one. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && SAFE_ID.test(given) ? given : nextRequestId()
}

/** Gives every request an id, and every answer its base headers. */
export const requestId = factory.createMiddleware(function requestId(c, next) {
  const id = requestIdOf(c.req.header('X-Request-Id'))
  c.set('requestId', id)
  c.set('headers', { ...BASE_HEADERS, 'X-Request-Id': id })
  return next() as Promise<undefined>
})
