import { type AppDeps, createApp } from '../src/app.ts'

/** The OpenAPI document as it is committed: of the routes alone, which need nothing to be described. */
export async function openApiText(): Promise<string> {
  const app = createApp({
    currency: 'USD',
    corsOrigins: [],
    requestTimeout: 10,
  } as unknown as AppDeps)
  const document = await (await app.request('/openapi.json')).json()
  return `${JSON.stringify(document, null, 2)}\n`
}
