import type { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { validTraceparent } from '../http/middleware/observe.ts'

/** The span that a traceparent names, of this process or of another. Undefined if it is not valid. */
export function spanContextOf(traceparent: unknown): SpanContext | undefined {
  const valid = typeof traceparent === 'string' ? validTraceparent(traceparent) : undefined
  const [, traceId = '', spanId = '', flags = ''] = valid?.split('-') ?? []
  if (valid === undefined) return undefined
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  }
}

export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`
}

/** The context for a new span with this parent. */
export function childOf(parent: SpanContext | undefined): Context {
  return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT
}

/**
 * Starts a span of work that is done for several requests together. It is a child of the first request's
 * span. It and the spans of the others are linked to each other. Undefined if none of them is sampled.
 *
 * @param open the spans of requests under way, by their id
 */
export function startShared(
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

/** The distinct sampled spans that these traceparents name, in order. */
function sampledOf(traceparents: Iterable<unknown>): SpanContext[] {
  const bySpan = new Map<string, SpanContext>()
  for (const traceparent of new Set(traceparents)) {
    const context = spanContextOf(traceparent)
    if (context?.traceFlags === TraceFlags.SAMPLED) bySpan.set(context.spanId, context)
  }
  return [...bySpan.values()]
}

/** Wraps an object so that each call of these methods is a span of the current request. */
export function spanned<T extends object>(
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
      // Bound to the target, because private fields cannot be read through a proxy.
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
