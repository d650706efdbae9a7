import { factory } from './env.ts'

const EXPOSED = 'Idempotency-Replayed, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy'

const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE',
  'Access-Control-Allow-Headers':
    'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id, traceparent, tracestate',
  'Access-Control-Max-Age': '600',
}

/**
 * Lets pages of these origins call and read the answers; `*` is every origin. Cookies play no part: a token
 * is all that counts. Hono's own would touch a stream's response after it was sent.
 */
export function crossOrigin(origins: readonly string[]) {
  const every = origins.includes('*')
  return factory.createMiddleware(async function crossOrigin(c, next) {
    const { headers } = c.var
    const origin = c.req.header('Origin')
    const allowed = origin !== undefined && (every || origins.includes(origin))
    if (!every) headers.Vary = 'Origin'
    if (allowed) {
      headers['Access-Control-Allow-Origin'] = every ? '*' : origin
      headers['Access-Control-Expose-Headers'] = EXPOSED
    }
    if (c.req.method === 'OPTIONS' && c.req.header('Access-Control-Request-Method') !== undefined) {
      return c.body(null, 204, allowed ? { ...headers, ...PREFLIGHT } : headers)
    }
    await next()
  })
}
