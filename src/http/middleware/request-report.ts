import type { Context } from 'hono'
import { ApiError } from '../../lib/api-error.ts'
import type { Logger } from '../../lib/log.ts'
import { LogBudget } from '../../lib/log-limits.ts'
import type { Env } from '../context.ts'
import { routeOf } from '../route-of.ts'
import type { Answered } from './deadline.ts'
import type { RequestMeter, RouteMeter } from './request-meter.ts'
import { traceIdOf, traceparentOf } from './traceparent.ts'

const CHANGE_NOTHING = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Counts and times every request, and writes a line: at `info` for what changes something and for what
 * failed, at `debug` for the rest, which is most. Lines at `info` are at most a hundred a second.
 */
export function requestReport(meter: RequestMeter, log: Logger): Answered {
  const budget = new LogBudget(log)
  /** Of routes whose pattern is their path, by method and path: they need no search, and are no more than the routes. */
  const fixed = new Map<string, Map<string, RouteMeter>>()

  function meterOf(c: Context<Env>): RouteMeter {
    const { method, path } = c.req
    const known = fixed.get(method)?.get(path)
    if (known) return known
    const found = routeOf(c)
    const route = meter.of(found.route, found.method)
    if (found.route === path && found.method === method) {
      fixed.set(method, (fixed.get(method) ?? new Map()).set(path, route))
    }
    return route
  }

  return (c, took, status, error) => {
    meterOf(c).add(status, took / 1000)
    const { method } = c.req
    const quiet = status < 400 && CHANGE_NOTHING.has(method)
    if (!log.isLevelEnabled(quiet ? 'debug' : 'info')) return
    if (quiet) log.debug(lineOf(c, took, status, error), 'request')
    else if (budget.take()) log.info(lineOf(c, took, status, error), 'request')
  }
}

function lineOf(...[c, took, status, error]: Parameters<Answered>) {
  const principal = c.get('principal') as Env['Variables']['principal'] | undefined
  return {
    requestId: c.get('requestId'),
    method: c.req.method,
    path: c.req.path,
    status,
    ...(error instanceof ApiError && { code: error.code }),
    durationMs: Math.round(took * 100) / 100,
    sub: principal?.userId,
    tenant: principal?.tenant,
    traceId: traceIdOf(traceparentOf(c)),
  }
}
