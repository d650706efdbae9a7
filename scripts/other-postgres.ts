import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'
import { run } from './run.ts'

/**
 * `npm run test:other-postgres`: the tests of money and of the database on the other supported versions of Postgres that
 * are installed where Debian puts them. Version 18 is the one of `npm test`.
 */
const MAJORS = ['15', '16', '17']

const TESTS = [
  ...['test/ledger', 'test/e2e/seed.test.ts'],
  ...['app-role', 'migrate', 'standby', 'read-only'].map((name) => `test/postgres/${name}.test.ts`),
  ...['topup', 'payment', 'balance', 'statement', 'idempotency', 'audit'].map(
    (name) => `test/routes/${name}.test.ts`,
  ),
]
/** It fills a large ledger, which is about plans and not about rules. */
const WITHOUT = ['--exclude', 'test/ledger/growth.test.ts']

const installed = MAJORS.map(
  (major) => [major, `/usr/lib/postgresql/${major}/bin`] as const,
).filter(([, folder]) => existsSync(join(folder, 'initdb')))
if (installed.length === 0) {
  console.log(
    `none of Postgres ${MAJORS.join(', ')} is installed: install the Debian package postgresql`,
  )
}
for (const [major, folder] of installed) {
  console.log(`Postgres ${major}`)
  const vitest = join(PACKAGE_ROOT, 'node_modules/vitest/vitest.mjs')
  run(process.execPath, [vitest, 'run', ...TESTS, ...WITHOUT], { POSTGRES_BIN: folder })
}
