import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { RequestTracer } from '../http/traced.ts'
import type { LedgerObserver } from '../ledger/observer.ts'
import { UPDATES_CHANNEL } from '../realtime/bus.ts'
import type { DeliveryTracer } from '../realtime/delivery-tracer.ts'
import type { PublishObserver } from '../realtime/publish-observer.ts'
import { createProvider, type ProviderOptions } from './provider.ts'
import { childOf, sampledOf, spanContextOf, traceparentOf } from './span-context.ts'

/** Milliseconds that the last spans get to leave at shutdown. */
const PATIENCE = 2_000

const POSTGRES = { 'db.system.name': 'postgresql' }
const CHANNEL = {
  'messaging.system': 'redis',
  'messaging.destination.name': UPDATES_CHANNEL,
}

/** The way of a change, from the request to the connections, as spans of one trace. */
export interface Tracing {
  requests: RequestTracer
  ledger: LedgerObserver
  publishing: PublishObserver
  deliveries: DeliveryTracer
  /** The same object, whose calls of these methods are spans of the request that makes them. */
  spanned<T extends object>(target: T, system: string, methods: readonly (keyof T)[]): T
  /** Sends what is left. */
  close(): Promise<void>
}

/** Starts OpenTelemetry. Loaded only where it is configured: elsewhere it costs nothing. */
export function startTracing(options: ProviderOptions): Tracing {
  const provider = createProvider(options)
  const tracer = provider.getTracer('livebalance', options.version)
  /** The span of the request that the current code works for. */
  const current = new AsyncLocalStorage<Span>()
  /** Spans of requests under way, by their id. */
  const open = new Map<string, Span>()

  return {
    requests: requestTracer(tracer, current, open),

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
      const late = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE).unref())
      await Promise.race([provider.shutdown(), late])
    },
  }
}

/**
 * A span of work done for several requests at once: a child of the first, linked to the others, and
 * they to it. Undefined where none of them is sampled.
 */
function startShared(
  tracer: Tracer,
  name: string,
  traceparents: Iterable<unknown>,
  options: { kind: SpanKind; attributes: Attributes },
  open: ReadonlyMap<string, Span>,
): Span | undefined {
  const [first, ...others] = sampledOf(traceparents)
  if (!first) return undefined
  const links = others.map((context) => ({ context }))
  const span = tracer.startSpan(name, { ...options, links }, childOf(first))
  for (const { spanId } of others) open.get(spanId)?.addLink({ context: span.spanContext() })
  return span
}

function requestTracer(
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

function spanned<T extends object>(
  tracer: Tracer,
  current: AsyncLocalStorage<Span>,
  target: T,
  system: string,
  methods: readonly (keyof T)[],
): T {
  return new Proxy(target, {
    get(_, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      // Bound, for private fields are not to be had through a proxy.
      if (!methods.includes(name as keyof T)) return method.bind(target)
      return async (...parameters: unknown[]) => {
        const parent = current.getStore()
        if (!parent?.isRecording()) return await method.apply(target, parameters)
        const span = tracer.startSpan(
          `${system} ${String(name)}`,
          { kind: SpanKind.CLIENT, attributes: { 'db.system.name': system } },
          trace.setSpan(childOf(undefined), parent),
        )
        try {
          return await method.apply(target, parameters)
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR })
          throw error
        } finally {
          span.end()
        }
      }
    },
  })
}
