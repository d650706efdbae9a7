import type { DeedOrigin } from '../ledger/deed.ts'
import { noting } from '../ledger/deeds.ts'
import { isoOf, pageOf } from '../ledger/rows.ts'
import type { Sql } from '../postgres/database.ts'
import type { Tenant, TenantChanges, TenantSettings, TenantUsage } from './tenant.ts'

export interface TenantQuery {
  /** A part of the id or the name, in any case of letters. */
  search?: string
  suspended?: boolean
  /** The id of the last tenant of the page before. */
  cursor?: string
  limit: number
}

interface Row {
  tenant: string
  name: string
  settings: TenantSettings
  suspended_at: Date | null
  suspended_reason: string | null
  created_by: string
  created_at: Date
  updated_at: Date
  version: string
}

/** The table `tenants`. */
export class TenantStore {
  readonly #sql: Sql
  readonly #background: Sql
  readonly #ledgerOf: (tenant: string) => Sql

  /**
   * @param sql preferably a session of its own: a change waits for no reader
   * @param background sessions for queries that may wait: lists and usage. Default: the same
   * @param ledgerOf sessions with the database that has a tenant's ledger. Default: `background`
   */
  constructor(
    sql: Sql,
    background: Sql = sql,
    ledgerOf: (tenant: string) => Sql = () => background,
  ) {
    this.#sql = sql
    this.#background = background
    this.#ledgerOf = ledgerOf
  }

  /** Undefined: there is one with this id. */
  async create(
    id: string,
    name: string,
    settings: TenantChanges,
    actor: string,
    origin?: DeedOrigin,
  ): Promise<Tenant | undefined> {
    const sql = this.#sql
    const asked = onRecord({ name, ...settings })
    const rows = await sql<Row[]>`
      select t.*, ${noting(sql, origin, { deed: 'tenant_create', target: id, asked })}
      from create_tenant(${id}, ${name}, ${JSON.stringify(settings)}::text::jsonb, ${actor}) t`
    return one(rows)
  }

  /** Undefined, here and below: there is none with this id. */
  async change(
    id: string,
    name: string | undefined,
    changes: TenantChanges,
    origin?: DeedOrigin,
  ): Promise<Tenant | undefined> {
    const sql = this.#sql
    const asked = onRecord({ ...(name !== undefined && { name }), ...changes })
    const rows = await sql<Row[]>`
      select t.*, ${noting(sql, origin, { deed: 'tenant_change', target: id, asked })}
      from change_tenant(${id}, ${name ?? null}, ${JSON.stringify(changes)}::text::jsonb) t`
    return one(rows)
  }

  async suspend(
    id: string,
    reason: string | null,
    actor: string,
    origin?: DeedOrigin,
  ): Promise<Tenant | undefined> {
    const sql = this.#sql
    const asked = { suspended: true, reason }
    const rows = await sql<Row[]>`
      select t.*, ${noting(sql, origin, { deed: 'tenant_change', target: id, asked })}
      from suspend_tenant(${id}, ${reason}, ${actor}) t`
    return one(rows)
  }

  async resume(id: string, origin?: DeedOrigin): Promise<Tenant | undefined> {
    const sql = this.#sql
    const asked = { suspended: false }
    const rows = await sql<Row[]>`
      select t.*, ${noting(sql, origin, { deed: 'tenant_change', target: id, asked })}
      from resume_tenant(${id}) t`
    return one(rows)
  }

  async get(id: string): Promise<Tenant | undefined> {
    return one(await this.#background<Row[]>`select * from tenants where tenant = ${id}`)
  }

  /** In order of their ids. */
  async list({ search, suspended, cursor, limit }: TenantQuery) {
    const sql = this.#background
    const like = search && `%${search.replace(/[\\%_]/g, '\\$&')}%`
    const rows = await sql<Row[]>`
      select * from tenants
      where true
        ${like === undefined ? sql`` : sql`and (tenant ilike ${like} or name ilike ${like})`}
        ${suspended === undefined ? sql`` : sql`and (suspended_at is not null) = ${suspended}`}
        ${cursor === undefined ? sql`` : sql`and tenant collate "C" > ${cursor}`}
      order by tenant collate "C" limit ${limit + 1}`
    return pageOf(rows, limit, toTenant)
  }

  /**
   * How much the tenant uses the ledger.
   * @param range ISO 8601; `requestsSince` is kept for two days
   */
  async usage(
    id: string,
    range: { from: string; to: string; requestsSince: string },
  ): Promise<TenantUsage> {
    const ledger = this.#ledgerOf(id)
    const [ofLedger, here] = await Promise.all([
      usageIn(ledger, id, range),
      ledger === this.#background ? undefined : usageIn(this.#background, id, range),
    ])
    if (!here) return ofLedger
    const { requests, connections, keys } = here
    return { ...ofLedger, requests, connections, keys }
  }

  /** The tenant's open streams at the other processes, as they reported them in the last 30 s. */
  async connectionsElsewhere(id: string, process: string): Promise<number> {
    const [row] = await this.#background<{ count: number }[]>`
      select coalesce(sum(connections), 0)::int as count from tenant_connections
      where tenant = ${id} and process <> ${process} and at > clock_timestamp() - interval '30 seconds'`
    return row?.count ?? 0
  }

  /** The tenants that changed after `version`, in order of their versions; at most `limit`. */
  async changesAfter(version: number, limit: number) {
    const rows = await this.#sql<Row[]>`
      select * from tenants where version > ${version} order by version limit ${limit}`
    return rows.map((row) => ({ tenant: toTenant(row), version: Number(row.version) }))
  }

  /** Adds the requests of a process since its last report, and replaces its open streams: counts by tenant. */
  async report(
    process: string,
    requests: ReadonlyMap<string, number>,
    connections: ReadonlyMap<string, number>,
  ): Promise<void> {
    const json = (counts: ReadonlyMap<string, number>) => JSON.stringify(Object.fromEntries(counts))
    await this.#background`
      select report_tenants(${process}, ${json(requests)}::text::json, ${json(connections)}::text::json)`
  }
}

async function usageIn(
  sql: Sql,
  id: string,
  range: { from: string; to: string; requestsSince: string },
): Promise<TenantUsage> {
  const [row] = await sql<{ usage: TenantUsage }[]>`
    select tenant_usage(${id}, ${range.from}::text::timestamptz, ${range.to}::text::timestamptz,
      ${range.requestsSince}::text::timestamptz) as usage`
  if (!row) throw new Error('there is no usage')
  return row.usage
}

/** Without the secret of the tenant's tokens. */
function onRecord({ identity, ...rest }: TenantChanges & { name?: string }) {
  if (!identity) return { ...rest, ...(identity === null && { identity }) }
  const { kind, issuer, audience } = identity
  const url = identity.kind === 'jwks' ? { url: identity.url } : {}
  return { ...rest, identity: { kind, issuer, audience, ...url } }
}

const one = ([row]: Row[]) => row && toTenant(row)

function toTenant(row: Row): Tenant {
  return {
    id: row.tenant,
    name: row.name,
    settings: row.settings,
    suspendedAt: row.suspended_at && isoOf(row.suspended_at),
    suspendedReason: row.suspended_reason,
    createdBy: row.created_by,
    createdAt: isoOf(row.created_at),
    updatedAt: isoOf(row.updated_at),
  }
}
