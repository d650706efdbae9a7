import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The types of the REST calls come from the server's routes, and with these every library of the server. An
 * application would have to compile the types of all of them. So the type that tsc wrote for the routes becomes a file
 * of its own, which needs those of Hono only.
 */
const DIST = join(import.meta.dirname, '../dist/src')
const app = readFileSync(join(DIST, 'routes/app.d.ts'), 'utf8')

const [, routes] =
  /^export declare function createApp\(.+?: AppDeps\): (.+?);\n\/\*\*/ms.exec(app) ?? []
if (routes === undefined) throw new Error('dist/src/routes/app.d.ts has another form')

// `hc` does not look at the context of handlers.
const portable = routes
  .replace('import("../http/context.ts").Env', 'any')
  .replaceAll('import("./', 'import("../routes/')
writeFileSync(join(DIST, 'client/api-type.d.ts'), `export type AppType = ${portable};\n`)

const api = join(DIST, 'client/api.d.ts')
const before = readFileSync(api, 'utf8')
const after = before.replace("'../routes/app.ts'", "'./api-type.ts'")
if (after === before) throw new Error('dist/src/client/api.d.ts has another form')
writeFileSync(api, after)
