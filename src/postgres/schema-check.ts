import type { Sql } from './database.ts'
import { codeOf, SQLSTATE } from './errors.ts'
import { REVISION, type Recorded, readMigrations, readReplaced, readRevision } from './sql-files.ts'

/**
 * Why a payment would be refused; undefined: it would not be. Changes nothing and makes no transaction number.
 * @throws whatever says that Postgres does not answer at all
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

/** A standby says of a write no more than any session that only reads. */
export async function whyReadOnly(sql: Sql): Promise<string> {
  const [row] = await sql<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`
  return row?.standby
    ? 'this database is a standby, which takes no writes'
    : 'Postgres is read-only'
}

/** Checksums of the files of `sql/` that the database was made of, by name. */
export type Applied = ReadonlyMap<string, string>

/** A migration of the database that this program does not know: it comes from a newer one. */
export function newerMigration(applied: Applied, own: readonly Recorded[]): string | undefined {
  const names = new Set(own.map(({ name }) => name))
  return [...applied.keys()].find((name) => name.startsWith('migrations/') && !names.has(name))
}

/** Whether the views, functions and roles of the database come from a newer program. */
export function hasNewerRevision(applied: Applied, own: Recorded): boolean {
  return Number(applied.get(REVISION) ?? 0) > Number(own.checksum)
}

/** How the database stands to this program: `ok` also where it is newer, for that is what an upgrade looks like from before it. */
export interface SchemaState {
  ok: boolean
  reason?: string
}

/** Looks, at any later time, whether the database still is what `migrate` made of it. */
export class SchemaCheck {
  readonly #sql: Sql
  readonly #epoch: string
  // Only names and checksums: the texts are not used here.
  readonly #migrations = readMigrations().map(recorded)
  readonly #replaced = Object.values(readReplaced()).flat().map(recorded)
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

function recorded({ name, checksum }: Recorded): Recorded {
  return { name, checksum }
}

/** Why the database is not what these files make of it. */
function misfitOf(files: Recorded[], applied: Applied): string | undefined {
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
