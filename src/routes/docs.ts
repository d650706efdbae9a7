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
  const openApi = once(() => documents.openApi(app()))
  const asyncApi = once(() => documents.asyncApi())
  const json = once(async () => jsonDocument(await openApi()))
  const eventsJson = once(async () => jsonDocument(await asyncApi()))
  const page = once(async () => {
    const text = await documents.page(...(await Promise.all([openApi(), asyncApi()])))
    return new StaticDocument(text, 'text/html; charset=UTF-8')
  })
  return factory
    .createApp()
    .get('/openapi.json', limited, async (c) => (await json()).send(c, REVALIDATED))
    .get('/asyncapi.json', limited, async (c) => (await eventsJson()).send(c, REVALIDATED))
    .get('/docs', limited, async (c) => {
      const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
      return (await page()).send(c, { ...REVALIDATED, 'Content-Security-Policy': policy })
    })
}

function jsonDocument(content: object): StaticDocument {
  return new StaticDocument(JSON.stringify(content), 'application/json')
}

/** Made once, also for those who ask while it is being made; what failed is tried again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error) => {
      made = undefined
      throw error
    })
    return made
  }
}
