import { API_DOCUMENTS } from '../src/api-docs/documents.ts'
import { createLogger } from '../src/lib/log.ts'
import { type AppDeps, createApp } from '../src/routes/app.ts'

/** The committed OpenAPI and AsyncAPI documents. They need only the code, no running server. */
export const openApiText = () => served('/openapi.json')

export const asyncApiText = () => served('/asyncapi.json')

async function served(path: string): Promise<string> {
  const app = createApp({
    currency: 'USD',
    corsOrigins: [],
    requestTimeoutMs: 10_000,
    documents: API_DOCUMENTS,
    // Its routes exist only with an identity provider.
    signIn: {},
    log: createLogger({ logLevel: 'silent', production: true }),
  } as unknown as AppDeps)
  const document = await (await app.request(path)).json()
  return `${JSON.stringify(document, null, 2)}\n`
}
