import type { Hono, MiddlewareHandler } from 'hono'
import { type Env, factory } from '../http/context.ts'
import { StaticDocument } from '../http/static-document.ts'

/** Clients may cache the documents, but must revalidate them, because they change with the version. */
const REVALIDATED = { 'Cache-Control': 'no-cache' }

/** Makes the documents of the API. Implemented by `api-docs`, which the routes cannot import. */
export interface ApiDocuments {
  /** @param app whose routes are described */
  openApi(app: Hono<Env>): Promise<object>
  asyncApi(): Promise<object>
  /** Both documents as one HTML page. */
  page(openApi: object, asyncApi: object): Promise<string>
}

/** `/openapi.json`, `/asyncapi.json` and `/docs`. Each is made at its first request, and kept. */
export function docsRoutes(
  documents: ApiDocuments,
  app: () => Hono<Env>,
  rateLimit: MiddlewareHandler<Env>,
) {
  const openApi = memoize(() => documents.openApi(app()))
  const asyncApi = memoize(() => documents.asyncApi())
  const json = memoize(async () => jsonDocument(await openApi()))
  const eventsJson = memoize(async () => jsonDocument(await asyncApi()))
  const page = memoize(async () => {
    const text = await documents.page(...(await Promise.all([openApi(), asyncApi()])))
    return new StaticDocument(text, 'text/html; charset=UTF-8')
  })
  return factory
    .createApp()
    .get('/openapi.json', rateLimit, async (c) => (await json()).send(c, REVALIDATED))
    .get('/asyncapi.json', rateLimit, async (c) => (await eventsJson()).send(c, REVALIDATED))
    .get('/docs', rateLimit, async (c) => {
      const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
      return (await page()).send(c, { ...REVALIDATED, 'Content-Security-Policy': policy })
    })
}

function jsonDocument(content: object): StaticDocument {
  return new StaticDocument(JSON.stringify(content), 'application/json')
}

/** Calls `make` once, also for concurrent callers. After a failure, the next call tries again. */
function memoize<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error) => {
      made = undefined
      throw error
    })
    return made
  }
}
