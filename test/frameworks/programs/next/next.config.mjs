import { join } from 'node:path'

/** The packages are installed above this folder. */
const root = join(import.meta.dirname, '../..')

export default {
  turbopack: { root },
  outputFileTracingRoot: root,
  // The tests of TypeScript check the types.
  typescript: { ignoreBuildErrors: true },
}
