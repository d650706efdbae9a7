import type { MiddlewareHandler } from 'hono'
import { type Env, factory } from '../http/env.ts'
import type { Exposition } from '../metrics/exposition.ts'

/** `/metrics`, for Prometheus: counts and times, and nothing about anyone. */
export function metricsRoutes(metrics: () => Promise<Exposition>, limited: MiddlewareHandler<Env>) {
  return factory.createApp().get('/metrics', limited, async (c) => {
    const { contentType, text } = await metrics()
    return new Response(text, { headers: { ...c.var.headers, 'Content-Type': contentType } })
  })
}
