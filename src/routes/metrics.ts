import { factory } from '../http/context.ts'

/** What `GET /metrics` answers. */
export interface Exposition {
  contentType: string
  text: string
}

/**
 * `/metrics`, for Prometheus: counts and times, and nothing about anyone. Not limited: who asks too much from
 * the same address must not blind whoever watches.
 */
export function metricsRoutes(metrics: () => Promise<Exposition>) {
  return factory.createApp().get('/metrics', async (c) => {
    const { contentType, text } = await metrics()
    return new Response(text, { headers: { ...c.var.headers, 'Content-Type': contentType } })
  })
}
