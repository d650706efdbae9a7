import type { AsyncLocalStorage } from 'node:async_hooks'
import { type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import type { RequestTracer } from '../http/middleware/traced.ts'
import { childOf, spanContextOf, traceparentOf } from './span-context.ts'

/**
 * A span for each request, a child of the caller's. What the request's code does finds it in `current`, and
 * what is done for several requests at once finds it in `open`, by its id.
 */
export function requestTracer(
  tracer: Tracer,
  current: AsyncLocalStorage<Span>,
  open: Map<string, Span>,
): RequestTracer {
  return {
    begin(method, path, traceparent) {
      const attributes = { 'http.request.method': method, 'url.path': path }
      const span = tracer.startSpan(
        method,
        { kind: SpanKind.SERVER, attributes },
        childOf(spanContextOf(traceparent)),
      )
      const { spanId } = span.spanContext()
      open.set(spanId, span)
      return {
        traceparent: traceparentOf(span),
        run: (work) => current.run(span, work),
        end({ route, status, error }) {
          open.delete(spanId)
          // Names are for grouping: what no route took has none.
          if (route !== 'none')
            span.updateName(`${method} ${route}`).setAttribute('http.route', route)
          span.setAttribute('http.response.status_code', status)
          if (status >= 500) {
            span.setStatus({ code: SpanStatusCode.ERROR })
            span.setAttribute('error.type', error?.name ?? String(status))
          }
          span.end()
        },
      }
    },
  }
}
