import type { Sql } from './database.ts'
import { codeOf, SQLSTATE } from './errors.ts'
import { REVISION, type Recorded, readChecksums, readRevision } from './sql-files.ts'

/**
 * Why a payment would fail now; undefined: it would not. Changes nothing, and uses up no transaction number.
 * @throws the client's error if Postgres does not answer at all
 */
export async function tryWrite(writers: Sql): Promise<string | undefined> {
  try {
    await writers`
      with written as (delete from limits where false)
      select from ledger_apply('[]'::json)`
    return undefined
  } catch (error) {
    const code = codeOf(error)
    if (code === SQLSTATE.READ_ONLY) return whyReadOnly(writers)
    if (code === SQLSTATE.INSUFFICIENT_PRIVILEGE)
      return 'Postgres denies the server the right to write'
    throw error
  }
}

/** For a write, a standby gives the same error as a read-only session. */
export async function whyReadOnly(sql: Sql): Promise<string> {
  const [row] = await sql<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`
  return row?.standby
    ? 'this database is a standby, which takes no writes'
    : 'Postgres is read-only'
}

/** Checksums of the files of `sql/` that were applied to the database, by name. */
export type Applied = ReadonlyMap<string, string>

/** A migration of the database that this program does not know, because it comes from a newer one. */
export function newerMigration(applied: Applied, own: readonly Recorded[]): string | undefined {
  const names = new Set(own.map(({ name }) => name))
  return [...applied.keys()].find((name) => name.startsWith('migrations/') && !names.has(name))
}

/** Whether the views, functions and roles of the database come from a newer program. */
export function hasNewerRevision(applied: Applied, own: Recorded): boolean {
  return Number(applied.get(REVISION) ?? 0) > Number(own.checksum)
}

/** Compares the database with this program. A newer database, as during an upgrade, is `ok` too. */
export interface SchemaState {
  ok: boolean
  reason?: string
}

/** Checks, at any later time, whether the database is still as `migrate` left it. */
export class SchemaCheck {
  readonly #sql: Sql
  readonly #epoch: string
  readonly #migrations = readChecksums().migrations
  readonly #replaced = readChecksums().replaced
  readonly #revision = readRevision()

  /** @param epoch the database's, as this process knows it */
  constructor(sql: Sql, epoch: string) {
    this.#sql = sql
    this.#epoch = epoch
  }

  /** @throws the client's error while Postgres is unavailable */
  async read(): Promise<SchemaState> {
    let row: { epoch: string | null; applied: Record<string, string> | null } | undefined
    try {
      ;[row] = await this.#sql<{ epoch: string | null; applied: Record<string, string> | null }[]>`
        select (select epoch from meta) as epoch, (
          select json_object_agg(name, checksum) from schema_files
        ) as applied`
    } catch (error) {
      if (isMissing(error)) return { ok: false, reason: 'the database has no ledger in it' }
      throw error
    }
    return this.#judge(row?.epoch ?? null, new Map(Object.entries(row?.applied ?? {})))
  }

  #judge(epoch: string | null, applied: Applied): SchemaState {
    const misfit = misfitOf(this.#migrations, applied)
    if (misfit !== undefined) return { ok: false, reason: misfit }
    if (epoch !== this.#epoch) {
      return { ok: false, reason: 'the database was replaced: restart this process' }
    }
    const newer = newerMigration(applied, this.#migrations)
    if (newer !== undefined) {
      return { ok: true, reason: `the database is newer than this version: it has ${newer}` }
    }
    if (hasNewerRevision(applied, this.#revision)) {
      return { ok: true, reason: 'the database is newer than this version: it has other functions' }
    }
    const reason = misfitOf(this.#replaced, applied)
    return reason === undefined ? { ok: true } : { ok: false, reason }
  }
}

/** The reason why the database differs from these files. */
function misfitOf(files: readonly Recorded[], applied: Applied): string | undefined {
  for (const { name, checksum } of files) {
    const found = applied.get(name)
    if (found === undefined) return `the database is older than this version: it lacks ${name}`
    if (found !== checksum) return `${name} is another one in the database`
  }
  return undefined
}

/** Postgres answers, but this database is not ours. */
function isMissing(error: unknown): boolean {
  return MISSING.includes(codeOf(error))
}

const MISSING: readonly (string | undefined)[] = [
  SQLSTATE.UNDEFINED_TABLE,
  SQLSTATE.UNDEFINED_SCHEMA,
  SQLSTATE.INSUFFICIENT_PRIVILEGE,
]
