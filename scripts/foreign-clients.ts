import { join } from 'node:path'
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'
import { run } from './run.ts'
import { runtimeFor } from './runtimes.ts'

/**
 * `npm run test:clients` connects the clients of others to the server. They are installed apart from the dependencies:
 * those of npm by test/clients/package.json, Deno and Bun, which have about 100 MB each, into the cache of `node_modules`.
 */
const QUIET = [
  '--no-audit',
  '--no-fund',
  '--ignore-scripts',
  '--prefer-offline',
  '--loglevel=error',
]

run('npm', ['ci', '--prefix', join(PACKAGE_ROOT, 'test/clients'), ...QUIET])

const vitest = join(PACKAGE_ROOT, 'node_modules/vitest/vitest.mjs')
run(
  process.execPath,
  [vitest, 'run', '--config', 'vitest.clients.config.ts', ...process.argv.slice(2)],
  {
    CLIENTS_DENO: programOf('deno'),
    CLIENTS_BUN: programOf('bun'),
  },
)

function programOf(runtime: string): string {
  return runtimeFor(runtime).command[0] ?? ''
}
