import { AsyncLocalStorage } from 'node:async_hooks'
import { type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import type { RequestTracer } from '../http/middleware/observe.ts'
import type { LedgerObserver } from '../ledger/observer.ts'
import { withTimeout } from '../lib/timeout.ts'
import { UPDATES_CHANNEL } from '../realtime/bus/shards.ts'
import type { PublishObserver } from '../realtime/outbox.ts'
import type { DeliveryTracer } from '../realtime/stream/user-stream.ts'
import { createProvider, type ProviderOptions } from './otel.ts'
import { childOf, spanContextOf, spanned, startShared, traceparentOf } from './spans.ts'

/** How long shutdown waits for the last spans to be sent. */
const SHUTDOWN_TIMEOUT_MS = 2_000

const POSTGRES = { 'db.system.name': 'postgresql' }
const CHANNEL = {
  'messaging.system': 'redis',
  'messaging.destination.name': UPDATES_CHANNEL,
}

/** Makes the way of a change, from the request to the connections, visible as spans of one trace. */
export interface Tracing {
  requests: RequestTracer
  ledger: LedgerObserver
  publishing: PublishObserver
  deliveries: DeliveryTracer
  /** Wraps an object so that each call of these methods is a span of the request that makes it. */
  spanned<T extends object>(target: T, system: string, methods: readonly (keyof T)[]): T
  /** Sends the remaining spans. */
  close(): Promise<void>
}

/** Starts OpenTelemetry. This file is loaded only if tracing is configured, so that it costs nothing otherwise. */
export function startTracing(options: ProviderOptions): Tracing {
  const provider = createProvider(options)
  const tracer = provider.getTracer('livebalance', options.version)
  /** The span of the request that the current code belongs to. */
  const current = new AsyncLocalStorage<Span>()
  /** Spans of requests under way, by their id. */
  const open = new Map<string, Span>()

  return {
    requests: createRequestTracer(tracer, current, open),

    ledger: {
      calling(commands) {
        const span = startShared(
          tracer,
          'ledger_apply',
          commands.map(({ traceparent }) => traceparent),
          {
            kind: SpanKind.CLIENT,
            attributes: { ...POSTGRES, 'db.operation.batch.size': commands.length },
          },
          open,
        )
        return (outcomes) => {
          if (!outcomes) span?.setStatus({ code: SpanStatusCode.ERROR })
          span?.end()
        }
      },
    },

    publishing: {
      publishing(events) {
        const span = startShared(
          tracer,
          `send ${UPDATES_CHANNEL}`,
          events.map(({ traceparent }) => traceparent),
          {
            kind: SpanKind.PRODUCER,
            attributes: {
              ...CHANNEL,
              'messaging.operation.type': 'send',
              'messaging.batch.message_count': events.length,
            },
          },
          open,
        )
        return (published) => {
          if (!published) span?.setStatus({ code: SpanStatusCode.ERROR })
          span?.end()
        }
      },
    },

    deliveries: {
      delivering(event, connections) {
        const attributes = {
          ...CHANNEL,
          'messaging.operation.type': 'process',
          'livebalance.event': event.event,
          'livebalance.seq': event.seq,
          'livebalance.connections': connections,
        }
        const kind = SpanKind.CONSUMER
        const span = startShared(tracer, 'deliver', [event.traceparent], { kind, attributes }, open)
        return () => span?.end()
      },
    },

    spanned(target, system, methods) {
      return spanned(tracer, current, target, system, methods)
    },

    async close() {
      await withTimeout(provider.shutdown(), SHUTDOWN_TIMEOUT_MS, () => {})
    },
  }
}

/**
 * Makes a span for each request, as a child of the caller's span. The request's own code finds it in `current`.
 * Work for several requests together finds it in `open`, by its id.
 */
function createRequestTracer(
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
          // Names are for grouping. A request without a route keeps the method as its name.
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
