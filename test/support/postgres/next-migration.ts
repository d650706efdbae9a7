import { vi } from 'vitest'
import type { SourceFile } from '../../../src/postgres/sql-files.ts'

/** A migration of a version to come, which may be applied more than once, and writes a table that payments lock. */
export const NEXT: SourceFile = {
  name: 'migrations/0002_next.sql',
  text: 'update wallets set watched = watched',
  checksum: 'next',
}

/**
 * `src/postgres/sql-files.ts` with `NEXT` among the migrations while `next.released` is true:
 * `vi.mock('…/sql-files.ts', withNext)`.
 */
export const next = { released: false }

export async function withNext() {
  const files = await vi.importActual<typeof import('../../../src/postgres/sql-files.ts')>(
    '../../../src/postgres/sql-files.ts',
  )
  const more = () => (next.released ? [NEXT] : [])
  return {
    ...files,
    readMigrations: () => [...files.readMigrations(), ...more()],
    readChecksums: () => {
      const { migrations, replaced } = files.readChecksums()
      return { migrations: [...migrations, ...more()], replaced }
    },
  }
}
