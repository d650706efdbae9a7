import pkg from '../../package.json' with { type: 'json' }
import type { ApiDocuments } from '../routes/docs.ts'
import type { Document, EventDocument } from './page.ts'

/** The documents of this version. The code that makes a document is loaded when it is first requested, for a fast start. */
export const API_DOCUMENTS: ApiDocuments = {
  async openApi(app) {
    const { openApi, routesOf } = await import('./openapi.ts')
    return openApi(routesOf(app), pkg.version)
  },
  async asyncApi() {
    const { asyncApi } = await import('./asyncapi.ts')
    return asyncApi(pkg.version)
  },
  async page(openApi, asyncApi) {
    const { docsPage } = await import('./page.ts')
    return String(await docsPage(openApi as Document, asyncApi as EventDocument))
  },
}
