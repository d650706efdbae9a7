import type { MiddlewareHandler } from 'hono'
import { type Env, factory } from '../http/env.ts'
import type { Document, EventDocument } from '../openapi/page.ts'

/** `/openapi.json`, `/asyncapi.json` and `/docs`, each made once, when it is first asked for. */
export function docsRoutes(
  document: () => Promise<Record<string, unknown>>,
  events: () => Promise<Record<string, unknown>>,
  limited: MiddlewareHandler<Env>,
) {
  let json: string | undefined
  let eventsJson: string | undefined
  let page: string | undefined
  return factory
    .createApp()
    .get('/openapi.json', limited, async (c) => {
      json ??= JSON.stringify(await document())
      return c.body(json, 200, { ...c.var.headers, 'Content-Type': 'application/json' })
    })
    .get('/asyncapi.json', limited, async (c) => {
      eventsJson ??= JSON.stringify(await events())
      return c.body(eventsJson, 200, { ...c.var.headers, 'Content-Type': 'application/json' })
    })
    .get('/docs', limited, async (c) => {
      if (page === undefined) {
        const { docsPage } = await import('../openapi/page.ts')
        const [calls, streams] = await Promise.all([document(), events()])
        const shown = docsPage(calls as unknown as Document, streams as unknown as EventDocument)
        page = String(await shown)
      }
      const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
      return c.html(page, 200, { ...c.var.headers, 'Content-Security-Policy': policy })
    })
}
