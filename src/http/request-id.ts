import { factory } from './env.ts'

const SANE = /^[\w.:=-]{1,128}$/

/** Names every request, by the caller's `X-Request-Id` where that is harmless to log and to echo. */
export const requestId = factory.createMiddleware(async function requestId(c, next) {
  const given = c.req.header('X-Request-Id')
  c.set('requestId', given !== undefined && SANE.test(given) ? given : crypto.randomUUID())
  await next()
})
