import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api'
import type { RequestTracer } from '../http/middleware/traced.ts'
import type { LedgerObserver } from '../ledger/observer.ts'
import { UPDATES_CHANNEL } from '../realtime/bus/bus.ts'
import type { PublishObserver } from '../realtime/publish-observer.ts'
import type { DeliveryTracer } from '../realtime/stream/delivery-tracer.ts'
import { createProvider, type ProviderOptions } from './otel.ts'
import { requestTracer } from './request-tracer.ts'
import { childOf, sampledOf } from './span-context.ts'
import { spanned } from './spanned.ts'

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
