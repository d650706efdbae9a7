import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { validTraceparent } from '../http/middleware/traceparent.ts'

/** What a traceparent names: a span of another process, or of this one. Undefined where it is not valid. */
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

export function isSampled(context: SpanContext | undefined): context is SpanContext {
  return context !== undefined && context.traceFlags === TraceFlags.SAMPLED
}

export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`
}

/** For a span whose parent is this. */
export function childOf(parent: SpanContext | undefined): Context {
  return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT
}

/** The distinct sampled spans that these traceparents name, in order: the rest is not to be seen. */
export function sampledOf(traceparents: Iterable<unknown>): SpanContext[] {
  const bySpan = new Map<string, SpanContext>()
  for (const traceparent of new Set(traceparents)) {
    const context = spanContextOf(traceparent)
    if (isSampled(context)) bySpan.set(context.spanId, context)
  }
  return [...bySpan.values()]
}
