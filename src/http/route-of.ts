import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { Env } from './context.ts'

/** Methods that a request may be counted by: a client can think up any other. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** The pattern of the route that took the request, such as `/transactions/:id`, and its method. */
export function routeOf(c: Context<Env>): { route: string; method: string } {
  // Middlewares stand on every method; of the routes that match, the first one answers.
  for (const { method, path } of matchedRoutes(c as Context)) {
    if (method !== 'ALL') return { route: path, method }
  }
  const { method } = c.req
  return { route: 'none', method: METHODS.has(method) ? method : 'other' }
}
