import { isListed, type RefusedOrigins } from '../../lib/origins.ts'
import type { RateLimiter } from '../../rate-limit/limiter.ts'
import type { EffectiveSettings } from '../../tenants/effective-settings.ts'
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
  const allowed = origin !== undefined && isListed(origins, origin)
  return {
    ...(!every && { Vary: 'Origin' }),
    ...(allowed && {
      'Access-Control-Allow-Origin': every ? '*' : origin,
      'Access-Control-Expose-Headers': EXPOSED,
    }),
  }
}

/**
 * Lets pages of these origins call the API and read its answers; `*` allows every origin. Which tenant a page calls for
 * is not known yet, so a guard decides later whether it may. Cookies are not used.
 * A preflight counts against its address like any request. One of another origin is refused; a request without
 * a preflight is answered, and the browser keeps the answer from the page. Hono's own middleware would touch a stream's
 * response after it was sent.
 */
export function crossOrigin(
  settings: Pick<EffectiveSettings, 'allOrigins'>,
  refused: RefusedOrigins,
  limiter?: RateLimiter,
) {
  return factory.createMiddleware(async function crossOrigin(c, next) {
    const origin = c.req.header('Origin')
    const origins = settings.allOrigins
    const headers = Object.assign(c.var.headers, corsHeaders(origins, origin))
    if (c.req.method === 'OPTIONS' && c.req.header('Access-Control-Request-Method') !== undefined) {
      limiter?.takeFrom(kindOf(c.req.method), addressOf(c, limiter))
      if (origin !== undefined && !isListed(origins, origin)) throw refused.refuse(origin)
      return c.body(null, 204, { ...headers, ...PREFLIGHT })
    }
    await next()
  })
}
