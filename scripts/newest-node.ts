import { join } from 'node:path'
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'
import { run } from './run.ts'

/**
 * `npm run test:newest-node` runs the tests of the transports on the newest Node, from the npm package `node`. It is
 * installed apart from the dependencies, because it would make `npm ci` 200 MB larger.
 */
const VERSION = '26.12.1'

/** The tests that depend most on Node's own HTTP: the life of answers, streams and upgrades. */
const TESTS = [
  ...['plain-http', 'cached-reads', 'slow-clients'].map((name) => `test/http/${name}.test.ts`),
  ...['transports', 'sse', 'drain', 'idle-connection', 'misbehaviour', 'slow-reader', 'fuzz'].map(
    (name) => `test/realtime/${name}.test.ts`,
  ),
]

const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const folder = join(PACKAGE_ROOT, 'node_modules/.cache/newest-node')
run('npm', [
  ...['install', '--prefix', folder, '--no-save', '--no-package-lock', '--no-audit', '--no-fund'],
  ...['--ignore-scripts', '--prefer-offline', `${name}@${VERSION}`],
])
const node = join(folder, 'node_modules', name, 'bin/node')
run(node, ['--version'])
run(node, [join(PACKAGE_ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...TESTS])
