import { join } from 'node:path'
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'
import { run } from './run.ts'
import { NEWEST_NODE, runtimeFor } from './runtimes.ts'

/**
 * `npm run test:conformance` runs test/conformance against the server on each runtime: those of CI, or the named ones,
 * as in `npm run test:conformance -- node@22.12.0 deno bun`.
 */
const named = process.argv.slice(2)
const wanted =
  named.length > 0
    ? named
    : ['node', `node@${NEWEST_NODE}`, 'deno', 'bun', 'deno.serve', 'bun.serve']
const runtimes = wanted.map(runtimeFor)
const vitest = join(PACKAGE_ROOT, 'node_modules/vitest/vitest.mjs')
run(process.execPath, [vitest, 'run', '--config', 'vitest.conformance.config.ts'], {
  CONFORMANCE_RUNTIMES: JSON.stringify(runtimes),
})
