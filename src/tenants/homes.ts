import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import { isTransient } from '../postgres/errors.ts'

/** A tenant cannot be served as the settings say. The message is for an operator. */
export class TenantDatabaseError extends Error {
  override readonly name = 'TenantDatabaseError'
}

/**
 * Makes sure that tenants live in the database that the settings name for them. A new tenant is noted in both databases,
 * first in its own. So a process that is stopped in between leaves nothing that stops the next one.
 * @param elsewhere sessions with the tenants' database
 * @throws TenantDatabaseError
 */
export async function settle(main: Sql, elsewhere: Sql, tenants: readonly string[]): Promise<void> {
  for (const tenant of tenants) {
    // In the opposite order of the notes, because another process may be making them now.
    const isElsewhere = (await homeOf(main, tenant)) === false
    const isThere = await homeOf(elsewhere, tenant)
    if (isElsewhere && isThere === true) continue
    if (isElsewhere || isThere === false) {
      throw new TenantDatabaseError(
        `${tenant} lives in another database than TENANT_DATABASES says`,
      )
    }
    if (await hasWallets(main, tenant)) throw livesInMain(tenant)
    if (!(await note(elsewhere, tenant, true)) || !(await note(main, tenant, false))) {
      throw livesInMain(tenant)
    }
  }
}

/** @throws TenantDatabaseError if the settings place a tenant nowhere that lives in another database than the main one */
export async function ensureAllPlaced(main: Sql, placed: ReadonlySet<string>): Promise<void> {
  const rows = await main<{ tenant: string }[]>`
    select tenant from tenant_homes where not here order by tenant`
  const missing = rows.find(({ tenant }) => !placed.has(tenant))
  if (!missing) return
  throw new TenantDatabaseError(
    `${missing.tenant} lives in a database of its own, which TENANT_DATABASES does not name`,
  )
}

const livesInMain = (tenant: string) =>
  new TenantDatabaseError(
    `${tenant} has wallets in DATABASE_URL, and TENANT_DATABASES places it elsewhere`,
  )

/** Those that live in the main database again, after they lived in another one. */
export async function returnedTenants(main: Sql): Promise<string[]> {
  const rows = await main<{ tenant: string }[]>`
    select tenant from tenant_homes where here order by tenant`
  return rows.map(({ tenant }) => tenant)
}

/** Undefined: the database knows nothing of it. */
async function homeOf(sql: Sql, tenant: string): Promise<boolean | undefined> {
  const [row] = await sql<{ here: boolean }[]>`
    select here from tenant_homes where tenant = ${tenant}`
  return row?.here
}

async function hasWallets(sql: Sql, tenant: string): Promise<boolean> {
  const [row] = await sql<{ found: boolean }[]>`
    select exists (select from wallets where tenant = ${tenant}) as found`
  return row?.found === true
}

/** A transaction of an application may keep wallets locked. */
const ATTEMPTS = 5
const RETRY_MS = 500

async function note(sql: Sql, tenant: string, here: boolean): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      const [row] = await sql<{ noted: boolean }[]>`
        select settle_tenant(${tenant}, ${here}) as noted`
      return row?.noted === true
    } catch (error) {
      if (!isTransient(error)) throw error
      if (attempt === ATTEMPTS) {
        const message = `${tenant} cannot be placed while a long transaction keeps wallets locked`
        throw new TenantDatabaseError(message, { cause: error })
      }
      await sleep(RETRY_MS)
    }
  }
}

/** Copies what is set for tenants to the database that they live in, whose functions read it. */
export async function mirrorTenants(
  main: Sql,
  elsewhere: Sql,
  tenants: readonly string[],
): Promise<void> {
  // In one order, because another server may be copying the same rows.
  const [row] = await main<{ rows: string | null }[]>`
    select json_agg(t order by tenant)::text as rows from tenants t
    where tenant in (select json_array_elements_text(${JSON.stringify(tenants)}::text::json))`
  if (row?.rows) await elsewhere`select mirror_tenants(${row.rows}::text::json)`
}
