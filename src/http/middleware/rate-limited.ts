import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Kind, RateLimiter } from '../../rate-limit/limiter.ts'
import { type Env, factory } from '../context.ts'

/** Looking is a read, everything else a write. */
export const kindOf = (method: string): Kind =>
  method === 'GET' || method === 'HEAD' ? 'reads' : 'writes'

/** Where a request comes from; undefined on runtimes that do not say. */
export function addressOf(c: Context, limiter: RateLimiter | undefined): string | undefined {
  return limiter?.addressOf((c.env as Partial<HttpBindings> | undefined)?.incoming)
}

/** For routes that take no token: counts against the address alone. */
export function limited(limiter: RateLimiter | undefined) {
  return factory.createMiddleware(async function limited(c: Context<Env>, next) {
    limiter?.takeFrom(kindOf(c.req.method), addressOf(c, limiter))
    await next()
  })
}
