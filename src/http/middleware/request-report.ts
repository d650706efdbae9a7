import type { Context } from 'hono'
import { ApiError } from '../../lib/api-error.ts'
import { Histogram, LATENCY_BOUNDS } from '../../lib/instruments.ts'
import type { Logger } from '../../lib/log.ts'
import { LogBudget } from '../../lib/log-limits.ts'
import type { Env } from '../context.ts'
import { routeOf } from '../router.ts'
import type { OnAnswered } from './deadline.ts'
import { traceIdOf, traceparentOf } from './tracing.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Counts and times every request, and logs it: at `info` if it is a write or failed, else at `debug`, which
 * is most of them. At most a hundred lines a second are logged at `info`.
 */
export function requestReport(meter: RequestMeter, log: Logger): OnAnswered {
  const budget = new LogBudget(log)
  /** Meters of routes without parameters, by method and path. They need no search, and cannot outnumber the routes. */
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

  return (c, durationMs, status, error) => {
    meterOf(c).add(status, durationMs / 1000)
    const { method } = c.req
    const quiet = status < 400 && SAFE_METHODS.has(method)
    if (!log.isLevelEnabled(quiet ? 'debug' : 'info')) return
    if (quiet) log.debug(lineOf(c, durationMs, status, error), 'request')
    else if (budget.take()) log.info(lineOf(c, durationMs, status, error), 'request')
  }
}

function lineOf(...[c, durationMs, status, error]: Parameters<OnAnswered>) {
  const principal = c.get('principal') as Env['Variables']['principal'] | undefined
  return {
    requestId: c.get('requestId'),
    method: c.req.method,
    path: c.req.path,
    status,
    ...(error instanceof ApiError && { code: error.code }),
    durationMs: Math.round(durationMs * 100) / 100,
    sub: principal?.userId,
    tenant: principal?.tenant,
    traceId: traceIdOf(traceparentOf(c)),
  }
}

/** Requests with the same route, method and class of status. */
export interface Requests {
  route: string
  method: string
  /** `2xx`, …, `5xx`. */
  status: string
  seconds: Histogram
}

/** Counts the requests of one route and method. */
export class RouteMeter {
  readonly #route: string
  readonly #method: string
  /** By the first digit of the status. */
  readonly #classes: (Requests | undefined)[] = []

  constructor(route: string, method: string) {
    this.#route = route
    this.#method = method
  }

  /** @param seconds until the answer began */
  add(status: number, seconds: number): void {
    const digit = Math.floor(status / 100)
    let requests = this.#classes[digit]
    if (!requests) {
      requests = {
        route: this.#route,
        method: this.#method,
        status: `${digit}xx`,
        seconds: new Histogram(LATENCY_BOUNDS),
      }
      this.#classes[digit] = requests
    }
    requests.seconds.add(seconds)
  }

  read(): Requests[] {
    return this.#classes.filter((requests) => requests !== undefined)
  }
}

/** Durations of requests by route pattern, method and class of status. Not by path, because there are endless paths. */
export class RequestMeter {
  readonly #routes = new Map<string, RouteMeter>()

  of(route: string, method: string): RouteMeter {
    const key = `${method} ${route}`
    let meter = this.#routes.get(key)
    if (!meter) {
      meter = new RouteMeter(route, method)
      this.#routes.set(key, meter)
    }
    return meter
  }

  *read(): Iterable<Requests> {
    for (const meter of this.#routes.values()) yield* meter.read()
  }
}
