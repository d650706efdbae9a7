import type { Hono, MiddlewareHandler } from 'hono'
import { type Env, factory } from '../http/context.ts'
import { StaticDocument } from '../http/static-document.ts'

/** The client keeps them, and asks each time whether they changed: they are the same for everybody, and change with the version. */
const REVALIDATED = { 'Cache-Control': 'no-cache' }

/** Makes the documents of the API. The routes serve them and do not know how they are made. */
export interface ApiDocuments {
  /** @param app whose routes are described */
  openApi(app: Hono<Env>): Promise<object>
  asyncApi(): Promise<object>
  /** Both documents as one HTML page. */
  page(openApi: object, asyncApi: object): Promise<string>
}

/** `/openapi.json`, `/asyncapi.json` and `/docs`, each made once, when it is first asked for. */
export function docsRoutes(
  documents: ApiDocuments,
  app: () => Hono<Env>,
  limited: MiddlewareHandler<Env>,
) {
  let json: StaticDocument | undefined
  let eventsJson: StaticDocument | undefined
  let page: StaticDocument | undefined
  const calls = () => documents.openApi(app())
  return factory
    .createApp()
    .get('/openapi.json', limited, async (c) => {
      json ??= new StaticDocument(JSON.stringify(await calls()), 'application/json')
      return json.send(c, REVALIDATED)
    })
    .get('/asyncapi.json', limited, async (c) => {
      const events = eventsJson ? undefined : await documents.asyncApi()
      eventsJson ??= new StaticDocument(JSON.stringify(events), 'application/json')
      return eventsJson.send(c, REVALIDATED)
    })
    .get('/docs', limited, async (c) => {
      if (page === undefined) {
        const [openApi, asyncApi] = await Promise.all([calls(), documents.asyncApi()])
        const text = await documents.page(openApi, asyncApi)
        page = new StaticDocument(text, 'text/html; charset=UTF-8')
      }
      const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
      return page.send(c, { ...REVALIDATED, 'Content-Security-Policy': policy })
    })
}
