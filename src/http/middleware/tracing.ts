import type { Context } from 'hono'
import { type Env, factory } from '../context.ts'
import { routeOf } from '../router.ts'

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
