import { isTenant } from '../lib/identity.ts'
import { parseConnectionString } from './connection-string.ts'
import { ConnectionStringError } from './url-parts.ts'

/** A database that some tenants live in, beside the one of `DATABASE_URL`. */
export interface TenantDatabase {
  /** For logs, metrics and health: the database's own name, with a number where several have it. */
  name: string
  url: string
  tenants: readonly string[]
}

/** The name of the database of `DATABASE_URL`. */
export const MAIN_DATABASE = 'main'

/**
 * Reads `TENANT_DATABASES`: pairs of a tenant and a connection string, separated by white space. Tenants with the same
 * connection string share a database.
 * @throws ConnectionStringError without a part of the text, which has passwords
 */
export function parseTenantDatabases(text: string): TenantDatabase[] {
  const byUrl = new Map<string, string[]>()
  const seen = new Set<string>()
  for (const [i, pair] of text.trim().split(/\s+/).entries()) {
    // A tenant's id may have a `=` of its own.
    const end = pair.search(/=postgres(?:ql)?:\/\//i)
    const [tenant, url] = [pair.slice(0, Math.max(end, 0)), pair.slice(end + 1)]
    if (!isTenant(tenant)) {
      const form = 'tenant=postgres://user:password@host:port/database'
      throw new ConnectionStringError(
        `must be pairs separated by spaces: pair ${i + 1} is no ${form}`,
      )
    }
    if (seen.has(tenant)) throw new ConnectionStringError(`names a tenant twice, in pair ${i + 1}`)
    seen.add(tenant)
    try {
      parseConnectionString(url)
    } catch (error) {
      if (!(error instanceof ConnectionStringError)) throw error
      throw new ConnectionStringError(`pair ${i + 1}: ${error.message}`)
    }
    byUrl.set(url, [...(byUrl.get(url) ?? []), tenant])
  }
  const names = new Set([MAIN_DATABASE])
  return [...byUrl].map(([url, tenants]) => ({ name: freeName(url, names), url, tenants }))
}

function freeName(url: string, names: Set<string>): string {
  const { database } = parseConnectionString(url)
  let name = database
  for (let i = 2; names.has(name); i++) name = `${database}-${i}`
  names.add(name)
  return name
}
