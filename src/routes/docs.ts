import type { MiddlewareHandler } from 'hono'
import { type Env, factory } from '../http/env.ts'
import { type Document, docsPage, type EventDocument } from '../openapi/page.ts'

/** `/openapi.json`, `/asyncapi.json` and `/docs`, each made once, when it is first asked for. */
export function docsRoutes(
  document: () => Record<string, unknown>,
  events: () => Record<string, unknown>,
  limited: MiddlewareHandler<Env>,
) {
  let json: string | undefined
  let eventsJson: string | undefined
  let page: string | undefined
  return factory
    .createApp()
    .get('/openapi.json', limited, (c) => {
      json ??= JSON.stringify(document())
      return c.body(json, 200, { ...c.var.headers, 'Content-Type': 'application/json' })
    })
    .get('/asyncapi.json', limited, (c) => {
      eventsJson ??= JSON.stringify(events())
      return c.body(eventsJson, 200, { ...c.var.headers, 'Content-Type': 'application/json' })
    })
    .get('/docs', limited, async (c) => {
      page ??= String(
        await docsPage(document() as unknown as Document, events() as unknown as EventDocument),
      )
      const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
      return c.html(page, 200, { ...c.var.headers, 'Content-Security-Policy': policy })
    })
}
