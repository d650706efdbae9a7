import { randomBytes } from 'node:crypto'
import { factory } from '../context.ts'

const SANE = /^[\w.:=-]{1,128}$/

/** On every answer. Balances are private and change: nothing may store them, and nobody may frame them. */
export const BASE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
} as const

/** Names this process among all that ever run; a UUID for each request would cost a microsecond. */
const PROCESS = randomBytes(9).toString('base64url')
let requests = 0

export function nextRequestId(): string {
  return `${PROCESS}-${(requests++).toString(36)}`
}

/** The caller's `X-Request-Id` where that is harmless to log and to echo, else one of our own. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && SANE.test(given) ? given : nextRequestId()
}

/** Names every request. */
export const requestId = factory.createMiddleware(function requestId(c, next) {
  const id = requestIdOf(c.req.header('X-Request-Id'))
  c.set('requestId', id)
  c.set('headers', { ...BASE_HEADERS, 'X-Request-Id': id })
  return next() as Promise<undefined>
})
