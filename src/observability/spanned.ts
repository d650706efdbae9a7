import type { AsyncLocalStorage } from 'node:async_hooks'
import { type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import { childOf } from './span-context.ts'

/** The same object, whose calls of these methods are spans of the current request. */
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
