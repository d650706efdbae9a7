import type { Sql } from './database.ts'
import type { SourceFile } from './sql-files.ts'

interface Forgotten {
  name: string
  signature: string
  marked: boolean
  ambiguous: boolean
}

/**
 * Drops functions of ours that no file defines any more: those named like a file of now or of an earlier version,
 * and not made anew in this transaction. The version before runs on for a while and calls them: so a migration
 * only marks them (`forgotten/…` in `schema_files`), and the next one drops what it finds marked. At once goes a
 * form beside whose successor a call with as many arguments could mean either, and fail: most arguments are sent
 * without a type. Without `cascade`: what somebody built on one is an error.
 * @param migrated whether this upgrade brought a migration: without one, what it forgets is not even marked, for
 * the version before may be started again
 */
export async function dropForgotten(
  sql: Sql,
  functions: SourceFile[],
  migrated: boolean,
): Promise<void> {
  const rows = await sql<{ name: string }[]>`
    select substring(name from 'functions/(.*)\\.sql') as name from schema_files
    where name like 'functions/%'`
  const known = rows.map(({ name }) => name)
  const forgotten = await forgottenOf(sql, known)
  const goes = ({ ambiguous, marked }: Forgotten) => ambiguous || (migrated && marked)
  for (const one of forgotten.filter(goes)) await sql.unsafe(`drop function ${one.signature}`)

  // Marked anew: what has come back is no longer forgotten.
  const stay = forgotten.filter((one) => !goes(one))
  await sql`delete from schema_files where name like 'forgotten/%'`
  for (const { signature } of stay.filter(({ marked }) => migrated || marked)) {
    await sql`insert into schema_files (name, checksum) values (${`forgotten/${signature}`}, '')`
  }
  const files = new Set(functions.map((file) => file.name))
  for (const name of known) {
    const file = `functions/${name}.sql`
    if (files.has(file) || stay.some((one) => one.name === name)) continue
    await sql`delete from schema_files where name = ${file}`
  }
}

/** @param known names of functions that are ours, of now or of before */
function forgottenOf(sql: Sql, known: string[]): Promise<Forgotten[]> {
  return sql<Forgotten[]>`
    with ours as (
      select p.proname as name, p.oid::regprocedure::text as signature,
        int4range(p.pronargs - p.pronargdefaults, p.pronargs, '[]') as counts,
        p.xmin = pg_current_xact_id()::xid as anew
      from pg_proc p
      where p.proname in (select json_array_elements_text(${JSON.stringify(known)}::text::json))
        and p.pronamespace = current_schema()::regnamespace and p.proowner = current_user::regrole
    )
    select o.name, o.signature,
      exists (select from schema_files where name = 'forgotten/' || o.signature) as marked,
      exists (select from ours n where n.anew and n.name = o.name and n.counts && o.counts) as ambiguous
    from ours o where not o.anew`
}
