import { appRoleOf, canUseAppRole, worksAs } from './app-role.ts'
import { ALL_SESSIONS, connect, type Sql } from './database.ts'
import { codeOf, isTransient, SQLSTATE } from './errors.ts'
import { hasNewerRevision, newerMigration, whyReadOnly } from './schema-check.ts'
import {
  type Recorded,
  readChecksums,
  readMigrations,
  readReplaced,
  readRevision,
  type SourceFile,
} from './sql-files.ts'

/** An arbitrary number that names this lock among the database's advisory locks. */
const LOCK = 7_236_178

/** This program cannot bring the database up to date. The message is for an operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

export interface Migrated {
  /** Names of the migrations that this call applied. */
  applied: string[]
  /** Views, functions and roles are those of a newer program, and were not changed. */
  newer: boolean
  /** The name of the role that servers of this database work as. */
  appRole: string
  /** The connecting user was able to use that role. */
  canUseAppRole: boolean
  /** What an operator should know about this database. */
  warnings: string[]
}

export interface MigrateOptions {
  /** Name of the role that servers work as. Default: derived from the database's. */
  appRole?: string | undefined
}

/** The versions of Postgres that this program is tested with. */
const SUPPORTED = { oldest: 15, newest: 18 }

/**
 * Brings a database up to date: the numbered migrations that it has not seen, then, where any file
 * changed, all views and functions, then the roles. One transaction under a lock: of several
 * processes that start together one does the work and the others find it done. Functions of a newer program
 * stay: during an upgrade, and after one was taken back, this one works with them.
 * @throws MigrationError when a migration that was applied has changed since, or is one that this program does not know
 */
export async function migrate(ownerUrl: string, options: MigrateOptions = {}): Promise<Migrated> {
  const sql = connect(ownerUrl, { max: 1 })
  try {
    const described = describe(sql)
    // While Postgres opens the session.
    readChecksums()
    const database = await described
    ensureSupported(database)
    const appRole = options.appRole ?? appRoleOf(database.name)
    const warnings = warningsOf(database)
    // If there is nothing to do, the server needs no right to migrate. Then only `livebalance migrate` needs the
    // owner. Both queries run at once, because usually there is nothing to do.
    const [found, can] = await Promise.all([standing(sql), canUseAppRole(sql, appRole)])
    if (found !== 'behind' && can) {
      return { applied: [], newer: found === 'newer', appRole, canUseAppRole: can, warnings }
    }
    const upgraded =
      found === 'behind'
        ? await attempt(sql, (tx) => upgrade(tx, appRole)).catch((error) => explain(sql, error))
        : { applied: [], newer: found === 'newer' }
    if (await canUseAppRole(sql, appRole))
      return { ...upgraded, appRole, canUseAppRole: true, warnings }
    // Roles are not part of a database. A copied or restored one may be up to date and lack its role.
    await attempt(sql, (tx) => renewRoles(tx, appRole)).catch((error) => unlessRefused(sql, error))
    return { ...upgraded, appRole, canUseAppRole: await canUseAppRole(sql, appRole), warnings }
  } finally {
    await sql.end()
  }
}

/**
 * Asks, as a server does it, whether there is nothing to migrate and the session works as the role.
 * @returns what `migrate` would return, or undefined if it has something to do or to explain
 * @throws the client's error, for example if there is no such role yet
 */
export async function readyFor(sql: Sql, appRole: string): Promise<Migrated | undefined> {
  // One statement, because a server waits for it.
  const asked = sql<(Database & { guarded: boolean; files: Record<string, string> })[]>`
    select ${description(sql)}, ${worksAs(sql, appRole)} as guarded,
      (select json_object_agg(name, checksum) from schema_files) as files`.execute()
  // While Postgres opens the session.
  readChecksums()
  const [row] = await asked
  if (!row?.guarded) return undefined
  const found = compare(new Map(Object.entries(row.files ?? {})))
  if (found === 'behind') return undefined
  ensureSupported(row)
  const warnings = warningsOf(row)
  return { applied: [], newer: found === 'newer', appRole, canUseAppRole: true, warnings }
}

/** A running server may win a deadlock: it locks wallets first, and a migration locks in another order. */
const ATTEMPTS = 3

type Upgraded = Pick<Migrated, 'applied' | 'newer'>

async function attempt<T>(sql: Sql, change: (tx: Sql) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await sql.begin(async (tx) => {
        // Limits for the statements of users. Behind a pooler the session has those of its role.
        await tx`
          select set_config(name, '0', true)
          from unnest(array['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) name`
        return change(tx as unknown as Sql)
      })) as T
    } catch (error) {
      if (attempt === ATTEMPTS || !isTransient(error)) throw error
    }
  }
}

async function explain(sql: Sql, error: unknown): Promise<never> {
  const code = codeOf(error)
  if (code === SQLSTATE.READ_ONLY)
    throw new MigrationError(await whyReadOnly(sql), { cause: error })
  if (code !== SQLSTATE.INSUFFICIENT_PRIVILEGE) throw error
  throw new MigrationError(
    'the database is not up to date, and this user may not change that: run `livebalance migrate` as its owner',
    { cause: error },
  )
}

/**
 * Compares the database with the SQL of this program. `newer`: it has the same migrations, and the functions of a newer
 * program. `behind`: `migrate` has something to do or to report.
 */
export async function standing(sql: Sql): Promise<'current' | 'newer' | 'behind'> {
  return compare(await knownFiles(sql).catch(noneIfMissing))
}

function compare(known: ReadonlyMap<string, string>): 'current' | 'newer' | 'behind' {
  const { migrations, replaced } = readChecksums()
  const revision = readRevision()
  const has = (file: Recorded) => known.get(file.name) === file.checksum
  if (newerMigration(known, migrations) !== undefined || !migrations.every(has)) return 'behind'
  if (hasNewerRevision(known, revision)) return 'newer'
  return [...replaced, revision].every(has) ? 'current' : 'behind'
}

function noneIfMissing(error: unknown): Map<string, string> {
  if (codeOf(error) !== SQLSTATE.UNDEFINED_TABLE) throw error
  return new Map()
}

async function knownFiles(sql: Sql): Promise<Map<string, string>> {
  const rows = await sql<{ name: string; checksum: string }[]>`
    select name, checksum from schema_files`
  return new Map(rows.map((row) => [row.name, row.checksum]))
}

interface Database {
  version: string
  name: string
  encoding: string
  /** The first schema of the search path that exists and that this user may use. */
  schema: string | null
  searchPath: string
  synchronousCommit: string
  /** How many sessions this login may have. */
  sessions: number
}

/** The columns of a `Database`. */
const description = (sql: Sql) => sql`
    current_setting('server_version') as version, current_database() as name,
      current_setting('server_encoding') as encoding, current_schema() as schema,
      current_setting('search_path') as "searchPath",
      current_setting('synchronous_commit') as "synchronousCommit",
      least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (select nullif(datconnlimit, -1) from pg_database where datname = current_database()),
        (select nullif(rolconnlimit, -1) from pg_roles where rolname = session_user)
      ) as sessions`

async function describe(sql: Sql): Promise<Database> {
  const [row] = await sql<Database[]>`select ${description(sql)}`
  if (!row) throw new Error('the database does not say what it is')
  return row
}

function ensureSupported({ version, encoding, schema, searchPath }: Database): void {
  const { oldest, newest } = SUPPORTED
  const major = Number.parseInt(version, 10)
  if (major < oldest || major > newest) {
    throw new MigrationError(
      `this is Postgres ${version}, and versions ${oldest} to ${newest} are supported`,
    )
  }
  if (encoding !== 'UTF8') {
    throw new MigrationError(`the encoding of this database is ${encoding}, and UTF8 is needed`)
  }
  if (schema === 'public') return
  // Sessions set the path themselves, except behind a pooler.
  throw new MigrationError(
    searchPath.startsWith('public')
      ? 'there is no schema public that this user may use'
      : `search_path is ${searchPath || 'empty'}, and the ledger is in the schema public: alter role … set search_path = public`,
  )
}

function warningsOf({ synchronousCommit, sessions }: Database): string[] {
  const warnings: string[] = []
  if (synchronousCommit === 'off') {
    warnings.push(
      'synchronous_commit is off: if Postgres crashes, the payments of its last moments are lost, although they were answered',
    )
  }
  if (sessions < ALL_SESSIONS) {
    warnings.push(
      `Postgres gives this login ${sessions} connections, and a server opens up to ${ALL_SESSIONS}: some requests will be answered with 503`,
    )
  }
  return warnings
}

/** A login that owns nothing leaves the roles as they are. */
async function unlessRefused(sql: Sql, error: unknown): Promise<void> {
  if (codeOf(error) !== SQLSTATE.INSUFFICIENT_PRIVILEGE) await explain(sql, error)
}

async function renewRoles(sql: Sql, appRole: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${LOCK}), set_config('livebalance.app_role', ${appRole}, true)`
  for (const { text } of readReplaced().roles) await sql.unsafe(text)
}

async function upgrade(sql: Sql, appRole: string): Promise<Upgraded> {
  await sql`select pg_advisory_xact_lock(${LOCK}), set_config('livebalance.app_role', ${appRole}, true)`
  await sql`
    create table if not exists schema_files (
      name text primary key,
      checksum text not null,
      applied_at timestamptz not null default clock_timestamp()
    )`
  const known = await knownFiles(sql)
  const migrations = readMigrations()
  const newer = newerMigration(known, migrations)
  if (newer)
    throw new MigrationError(
      `the database has ${newer}, which this version does not know: it is newer`,
    )

  const applied: string[] = []
  for (const file of migrations) {
    const checksum = known.get(file.name)
    if (checksum === file.checksum) continue
    if (checksum !== undefined)
      throw new MigrationError(`${file.name} was changed after it had been applied`)
    await apply(sql, file)
    applied.push(file.name)
  }

  const revision = readRevision()
  // Functions that come with a new migration are newer than those in the database.
  if (applied.length === 0 && hasNewerRevision(known, revision)) return { applied, newer: true }
  const { views, functions, roles } = readReplaced()
  const changed = [...views, ...functions, ...roles, revision].some(
    (file) => known.get(file.name) !== file.checksum,
  )
  if (applied.length > 0 || changed) {
    for (const file of views) await apply(sql, file)
    // Functions call one another. The first pass creates all, the second checks their bodies.
    await sql`set local check_function_bodies = off`
    for (const file of functions) await sql.unsafe(file.text)
    await sql`set local check_function_bodies = on`
    for (const file of functions) await apply(sql, file)
    for (const file of roles) await apply(sql, file)
    await record(sql, revision)
  }
  return { applied, newer: false }
}

async function apply(sql: Sql, file: SourceFile): Promise<void> {
  try {
    await sql.unsafe(file.text)
  } catch (error) {
    const { message, code } = error as Error & { code?: unknown }
    throw Object.assign(new Error(`sql/${file.name}: ${message}`, { cause: error }), { code })
  }
  await record(sql, file)
}

async function record(sql: Sql, file: Recorded): Promise<void> {
  await sql`
    insert into schema_files (name, checksum) values (${file.name}, ${file.checksum})
    on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()`
}
