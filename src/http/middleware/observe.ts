import { randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import { ApiError } from '../../lib/api-error.ts'
import { Histogram, LATENCY_BOUNDS } from '../../lib/instruments.ts'
import type { Logger } from '../../lib/log.ts'
import { LogBudget } from '../../lib/log-limits.ts'
import { type Env, factory } from '../context.ts'

const SAFE_ID = /^[\w.:=-]{1,128}$/

/** On every answer. Balances are private and change, so no cache may store them and no page may frame them. */
export const BASE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
} as const

/** Unique to this process. A UUID for each request would cost a microsecond. */
const PROCESS_ID = randomBytes(9).toString('base64url')
let requests = 0

export function nextRequestId(): string {
  return `${PROCESS_ID}-${(requests++).toString(36)}`
}

/** The caller's `X-Request-Id` if it is safe to log and to echo, else a new one. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && SAFE_ID.test(given) ? given : nextRequestId()
}

/** Gives every request an id, and every answer its base headers. */
export const requestId = factory.createMiddleware(function requestId(c, next) {
  const id = requestIdOf(c.req.header('X-Request-Id'))
  c.set('requestId', id)
  c.set('headers', { ...BASE_HEADERS, 'X-Request-Id': id })
  return next() as Promise<undefined>
})

/** The span of one request. */
export interface RequestSpan {
  /** Passed on to the request's effects, whose spans become children of this one. */
  readonly traceparent: string
  /** Runs work inside the span, so that calls in it find the span. */
  run<T>(work: () => Promise<T>): Promise<T>
  end(answer: { route: string; method: string; status: number; error: Error | undefined }): void
}

export interface RequestTracer {
  /** @param traceparent the caller's header, valid or not */
  begin(method: string, path: string, traceparent: string | undefined): RequestSpan
}

/** Machines poll these every few seconds, so their traces would tell nothing. */
const UNTRACED = /^\/(health\/|metrics$)/

/** Gives every request a span, as part of the caller's trace if the caller sent one. */
export function traced(tracer: RequestTracer) {
  return factory.createMiddleware(async function traced(c, next) {
    if (UNTRACED.test(c.req.path)) return next()
    const span = tracer.begin(c.req.method, c.req.path, c.req.header('traceparent'))
    c.set('traceparent', span.traceparent)
    try {
      await span.run(next)
    } finally {
      span.end({ ...routeOf(c), status: c.res.status, error: c.error })
    }
  })
}

/** W3C Trace Context, level 1: version, trace id, parent id, flags. Later versions may append fields. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** A `traceparent` header in the form of version 00, or undefined if it is not valid. */
export function validTraceparent(text: string | undefined): string | undefined {
  const [, version, traceId, parentId, flags, rest] = TRACEPARENT.exec(text ?? '') ?? []
  if (version === undefined || (version === '00' && rest !== undefined)) return undefined
  return `00-${traceId}-${parentId}-${flags}`
}

/** The trace of the request: its own span's, or else the caller's. */
export function traceparentOf(c: Context<Env>): string | undefined {
  return c.get('traceparent') ?? validTraceparent(c.req.header('traceparent'))
}

export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.slice(3, 35)
}

/** Called once for every request, when it is answered. */
export type OnAnswered = (
  c: Context<Env>,
  durationMs: number,
  status: number,
  error?: Error,
) => void

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
    meter.answered += 1
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
  /** Of all routes. */
  answered = 0
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

/** A client can invent methods, so all others are counted as one. */
const COUNTED_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** The pattern of the route that handled the request, such as `/transactions/:id`, and its method. */
function routeOf(c: Context<Env>): { route: string; method: string } {
  // Middlewares are registered for every method. Of the other routes, the first one answers.
  for (const { method, path } of matchedRoutes(c as Context)) {
    if (method !== 'ALL') return { route: path, method }
  }
  const { method } = c.req
  return { route: 'none', method: COUNTED_METHODS.has(method) ? method : 'other' }
}
