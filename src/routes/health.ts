import { factory } from '../http/context.ts'
import { answer } from '../http/payload.ts'
import type { RouteDeps } from './deps.ts'

/** `/health`: whether the process works, and whether it should get traffic. */
export function healthRoutes({ liveness, readiness }: Pick<RouteDeps, 'liveness' | 'readiness'>) {
  return factory
    .createApp()
    .get('/live', (c) => {
      const { ok, checks } = liveness()
      const status = ok ? ('live' as const) : ('not live' as const)
      return answer(c, { status, checks }, ok ? 200 : 503)
    })
    .get('/ready', async (c) => {
      const { ok, checks } = await readiness()
      const status = ok ? ('ready' as const) : ('not ready' as const)
      return answer(c, { status, checks }, ok ? 200 : 503)
    })
}

/**
 * `/metrics`, for Prometheus. It has no rate limit, because a client at the same address could then cut off
 * the monitoring.
 */
export function metricsRoutes({ metrics }: Pick<RouteDeps, 'metrics'>) {
  return factory.createApp().get('/metrics', async (c) => {
    const { contentType, text } = await metrics()
    return new Response(text, { headers: { ...c.var.headers, 'Content-Type': contentType } })
  })
}
