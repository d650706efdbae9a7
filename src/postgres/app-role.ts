import { createHash } from 'node:crypto'
import type { Sql } from './database.ts'
import { codeOf, SQLSTATE } from './errors.ts'

const PREFIX = 'livebalance_app_'

/** Postgres cuts longer names off (in bytes). */
const LONGEST = 63

/**
 * The name of the role that servers of this database work as. Roles belong to the whole cluster: with one name for all
 * databases, a login of one could move money in another.
 */
export function appRoleOf(database: string): string {
  const name = PREFIX + database
  if (Buffer.byteLength(name) <= LONGEST) return name
  return PREFIX + createHash('sha256').update(database).digest('hex').slice(0, 32)
}

/** SQLSTATEs for a role that does not exist, that this login may not use, or that has no rights. */
const REFUSALS: readonly (string | undefined)[] = [
  SQLSTATE.INVALID_PARAMETER_VALUE,
  SQLSTATE.INSUFFICIENT_PRIVILEGE,
  SQLSTATE.UNDEFINED_OBJECT,
  SQLSTATE.UNDEFINED_FUNCTION,
  SQLSTATE.UNDEFINED_TABLE,
  SQLSTATE.UNDEFINED_SCHEMA,
]

/** The current role serves, and cannot change or remove an entry. */
const IS_GUARDED = `has_table_privilege('meta', 'select')
  and has_function_privilege('ledger_apply(json)', 'execute')
  and not has_table_privilege('entries', 'update, delete, truncate')`

/** A condition: the session works as the role, and so cannot change or remove an entry. */
export function worksAs(sql: Sql, role: string) {
  return sql`current_user = ${role} and ${sql.unsafe(IS_GUARDED)}`
}

/**
 * Whether this login can use the role, and then cannot change or remove an entry. It is tried out, because the catalogs
 * do not say what a membership allows.
 */
export async function canUseAppRole(sql: Sql, role: string): Promise<boolean> {
  try {
    // Several statements in one query are one transaction. At its end the role is the login's own again.
    const results = await sql.unsafe(`
      set local role ${quoted(role)};
      select ${IS_GUARDED} as guarded`)
    return (results as unknown as { guarded: boolean }[][])[1]?.[0]?.guarded === true
  } catch (error) {
    if (REFUSALS.includes(codeOf(error))) return false
    throw error
  }
}

/** The role that a session works as. */
export async function currentUser(sql: Sql): Promise<string | undefined> {
  const [row] = await sql<{ name: string }[]>`select current_user::text as name`
  return row?.name
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
