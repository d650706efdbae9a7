import type { MiddlewareHandler } from 'hono'
import type { Document, EventDocument } from '../api-docs/page.ts'
import { type Env, factory } from '../http/context.ts'
import { StaticDocument } from '../http/static-document.ts'

/** Kept by the client, and asked for again each time: they are the same for everybody, and change with the version. */
const REVALIDATED = { 'Cache-Control': 'no-cache' }

/** `/openapi.json`, `/asyncapi.json` and `/docs`, each made once, when it is first asked for. */
export function docsRoutes(
  document: () => Promise<Record<string, unknown>>,
  events: () => Promise<Record<string, unknown>>,
  limited: MiddlewareHandler<Env>,
) {
  let json: StaticDocument | undefined
  let eventsJson: StaticDocument | undefined
  let page: StaticDocument | undefined
  return factory
    .createApp()
    .get('/openapi.json', limited, async (c) => {
      json ??= new StaticDocument(JSON.stringify(await document()), 'application/json')
      return json.send(c, REVALIDATED)
    })
    .get('/asyncapi.json', limited, async (c) => {
      eventsJson ??= new StaticDocument(JSON.stringify(await events()), 'application/json')
      return eventsJson.send(c, REVALIDATED)
    })
    .get('/docs', limited, async (c) => {
      if (page === undefined) {
        const { docsPage } = await import('../api-docs/page.ts')
        const [calls, streams] = await Promise.all([document(), events()])
        const shown = docsPage(calls as unknown as Document, streams as unknown as EventDocument)
        page = new StaticDocument(String(await shown), 'text/html; charset=UTF-8')
      }
      const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
      return page.send(c, { ...REVALIDATED, 'Content-Security-Policy': policy })
    })
}
