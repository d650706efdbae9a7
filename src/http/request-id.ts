import { factory } from './env.ts'

const SANE = /^[\w.:=-]{1,128}$/

/**
 * Names every request, by the caller's `X-Request-Id` where that is harmless to log and to echo, and sets
 * the headers that every answer carries. Balances are private and change: nothing may store them.
 */
export const requestId = factory.createMiddleware(async function requestId(c, next) {
  const given = c.req.header('X-Request-Id')
  const id = given !== undefined && SANE.test(given) ? given : crypto.randomUUID()
  c.set('requestId', id)
  c.header('X-Request-Id', id)
  c.header('Cache-Control', 'no-store')
  c.header('X-Content-Type-Options', 'nosniff')
  c.header('X-Frame-Options', 'DENY')
  c.header('Referrer-Policy', 'no-referrer')
  await next()
})
