import type { Context } from 'hono'
import { ApiError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { LogBudget } from '../log-budget.ts'
import { type Env, factory } from './env.ts'
import type { RequestMeter } from './request-meter.ts'
import { routeOf } from './route-of.ts'
import { traceIdOf, traceparentOf } from './traceparent.ts'

/**
 * Counts and times every request, and writes a line: at `info` for what changes something and for what
 * failed, at `debug` for the rest, which is most. Lines at `info` are at most a hundred a second.
 */
export function observed(meter: RequestMeter, log: Logger) {
  const budget = new LogBudget(log)
  return factory.createMiddleware(function observed(c, next) {
    const began = performance.now()
    return next().then(() => report(c, performance.now() - began)) as Promise<undefined>
  })

  function report(c: Context<Env>, took: number): void {
    const { status } = c.res
    const { route, method } = routeOf(c)
    meter.add(route, method, status, took / 1000)
    const quiet = status < 400 && (method === 'GET' || method === 'OPTIONS')
    if (!log.isLevelEnabled(quiet ? 'debug' : 'info')) return
    if (quiet) log.debug(lineOf(c, status, took), 'request')
    else if (budget.take()) log.info(lineOf(c, status, took), 'request')
  }
}

function lineOf(c: Context<Env>, status: number, took: number) {
  const principal = c.get('principal') as Env['Variables']['principal'] | undefined
  return {
    requestId: c.get('requestId'),
    method: c.req.method,
    path: c.req.path,
    status,
    ...(c.error instanceof ApiError && { code: c.error.code }),
    durationMs: Math.round(took * 100) / 100,
    sub: principal?.userId,
    tenant: principal?.tenant,
    traceId: traceIdOf(traceparentOf(c)),
  }
}
