import type { RateLimiter } from '../../rate-limit/limiter.ts'
import { factory } from '../context.ts'
import { addressOf, kindOf } from './authorize.ts'

const EXPOSED = 'Idempotency-Replayed, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy'

const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE',
  'Access-Control-Allow-Headers':
    'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id, traceparent, tracestate',
  'Access-Control-Max-Age': '600',
}

/** The headers that let a page of this origin read the answer. */
export function corsHeaders(
  origins: readonly string[],
  origin: string | undefined,
): Record<string, string> {
  if (origins.length === 0) return {}
  const every = origins.includes('*')
  const allowed = origin !== undefined && (every || origins.includes(origin))
  return {
    ...(!every && { Vary: 'Origin' }),
    ...(allowed && {
      'Access-Control-Allow-Origin': every ? '*' : origin,
      'Access-Control-Expose-Headers': EXPOSED,
    }),
  }
}

/**
 * Lets pages of these origins call the API and read its answers; `*` allows every origin. Cookies are not used.
 * A preflight counts against its address like any request. Hono's own middleware would touch a stream's
 * response after it was sent.
 */
export function crossOrigin(origins: readonly string[], limiter?: RateLimiter) {
  return factory.createMiddleware(async function crossOrigin(c, next) {
    const headers = Object.assign(c.var.headers, corsHeaders(origins, c.req.header('Origin')))
    if (c.req.method === 'OPTIONS' && c.req.header('Access-Control-Request-Method') !== undefined) {
      limiter?.takeFrom(kindOf(c.req.method), addressOf(c, limiter))
      const allowed = 'Access-Control-Allow-Origin' in headers
      return c.body(null, 204, allowed ? { ...headers, ...PREFLIGHT } : headers)
    }
    await next()
  })
}
