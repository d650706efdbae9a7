import { factory } from '../context.ts'
import { routeOf } from '../route-of.ts'

/** The span of one request. */
export interface RequestSpan {
  /** For what the request causes: it becomes the span's child. */
  readonly traceparent: string
  /** Runs what belongs to the span: calls made meanwhile find it. */
  run<T>(work: () => Promise<T>): Promise<T>
  end(answer: { route: string; method: string; status: number; error: Error | undefined }): void
}

export interface RequestTracer {
  /** @param traceparent the caller's header, valid or not */
  begin(method: string, path: string, traceparent: string | undefined): RequestSpan
}

/** Asked every few seconds by machines: their traces would tell nothing. */
const UNTRACED = /^\/(health\/|metrics$)/

/** Gives every request a span, in its caller's trace where it has one. */
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
