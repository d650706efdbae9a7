import type { Sql } from './database.ts'
import { readFolder } from './sql-files.ts'

/** How the database stands to this program: `ok` also where it is newer, for that is what an upgrade looks like from before it. */
export interface SchemaState {
  ok: boolean
  reason?: string
}

/** Looks, at any later time, whether the database still is what `migrate` made of it. */
export class SchemaCheck {
  readonly #sql: Sql
  readonly #epoch: string
  /** Checksums of the migrations that this program knows, by name. */
  readonly #known: ReadonlyMap<string, string>

  /** @param epoch the database's, as this process knows it */
  constructor(sql: Sql, epoch: string) {
    this.#sql = sql
    this.#epoch = epoch
    this.#known = new Map(readFolder('migrations/').map(({ name, checksum }) => [name, checksum]))
  }

  /** @throws whatever the client throws while Postgres is away */
  async read(): Promise<SchemaState> {
    let row: { epoch: string | null; applied: Record<string, string> | null } | undefined
    try {
      ;[row] = await this.#sql<{ epoch: string | null; applied: Record<string, string> | null }[]>`
        select (select epoch from meta) as epoch, (
          select json_object_agg(name, checksum) from schema_files where name like 'migrations/%'
        ) as applied`
    } catch (error) {
      if (isMissing(error)) return { ok: false, reason: 'the database has no ledger in it' }
      throw error
    }
    return this.#judge(row?.epoch ?? null, row?.applied ?? {})
  }

  #judge(epoch: string | null, applied: Record<string, string>): SchemaState {
    for (const [name, checksum] of this.#known) {
      if (applied[name] === undefined) {
        return { ok: false, reason: `the database is older than this version: it lacks ${name}` }
      }
      if (applied[name] !== checksum) {
        return { ok: false, reason: `${name} is another one in the database` }
      }
    }
    if (epoch !== this.#epoch) {
      return { ok: false, reason: 'the database was replaced: restart this process' }
    }
    const newer = Object.keys(applied).find((name) => !this.#known.has(name))
    if (newer === undefined) return { ok: true }
    return { ok: true, reason: `the database is newer than this version: it has ${newer}` }
  }
}

/** undefined_table, invalid_schema_name, insufficient_privilege: it answers, but is none of ours. */
function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === '42P01' || code === '3F000' || code === '42501'
}
