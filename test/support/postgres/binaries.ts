import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type Binaries, prepareBinaries } from '../../../src/local/binaries.ts'
import type { Account } from '../../../src/local/data-folder.ts'

/** The Postgres in the folder of programs that POSTGRES_BIN names; undefined: that of the npm package. */
export function installedPostgres(folder = process.env.POSTGRES_BIN): Binaries | undefined {
  if (!folder) return undefined
  const version = execFileSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' })
  return {
    initdb: join(folder, 'initdb'),
    postgres: join(folder, 'postgres'),
    pgCtl: join(folder, 'pg_ctl'),
    major: /(\d+)/.exec(version)?.[1] ?? '',
  }
}

/** The Postgres that this run tests with. */
export function testedPostgres(folder: string, account: Account | null): Binaries {
  return installedPostgres() ?? prepareBinaries(folder, account)
}
