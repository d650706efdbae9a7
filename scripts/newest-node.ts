import { join } from 'node:path'
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'
import { run } from './run.ts'
import { installedNode, NEWEST_NODE } from './runtimes.ts'

/**
 * `npm run test:newest-node` runs the tests of the transports on the newest Node. They reach parts of the server that
 * the conformance suite cannot see from outside.
 */
const TESTS = [
  ...['plain-http', 'cached-reads', 'slow-clients'].map((name) => `test/http/${name}.test.ts`),
  ...['transports', 'sse', 'drain', 'idle-connection', 'misbehaviour', 'slow-reader', 'fuzz'].map(
    (name) => `test/realtime/${name}.test.ts`,
  ),
]

const node = installedNode(NEWEST_NODE)
run(node, ['--version'])
run(node, [join(PACKAGE_ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...TESTS])
