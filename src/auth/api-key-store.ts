import type { DeedOrigin } from '../ledger/deed.ts'
import { noting } from '../ledger/deeds.ts'
import { isoOf, pageOf } from '../ledger/rows.ts'
import type { Sql } from '../postgres/database.ts'
import type { ApiKey, KeyKind, KeyRole } from './api-key.ts'
import { newKey } from './api-key-secret.ts'
import type { Scope } from './scopes.ts'

export interface NewApiKey {
  tenant: string
  kind: KeyKind
  name: string
  /** Null: the key stands for itself, as `key:<id>`. */
  userId: string | null
  roles: readonly KeyRole[]
  scopes: readonly Scope[] | null
  expiresAt: string | null
}

export interface ApiKeyQuery {
  /** Undefined: all tenants. */
  tenant?: string
  /** The id of the last key of the page before. */
  cursor?: string
  limit: number
}

/** One text that lets in, as processes keep it. */
export interface Credential {
  prefix: string
  /** SHA-256 of the key. */
  hash: Buffer
  userId: string
  /** Milliseconds since 1970; undefined: it has no end. */
  until: number | undefined
}

export interface ApiKeyChange {
  key: ApiKey
  /** None if the key is revoked. */
  credentials: Credential[]
  version: number
}

/** Of a tenant, without those that ended. */
export const MAX_KEYS = 100

interface Row {
  id: string
  tenant: string
  kind: KeyKind
  name: string
  user_id: string
  roles: KeyRole[]
  scopes: Scope[] | null
  prefix: string
  hash: Buffer
  previous_prefix: string | null
  previous_hash: Buffer | null
  previous_user_id: string | null
  previous_until: Date | null
  expires_at: Date | null
  revoked_at: Date | null
  last_used_at: Date | null
  created_by: string
  created_at: Date
  version: string
}

/** The table `api_keys`. */
export class ApiKeyStore {
  readonly #sql: Sql
  readonly #background: Sql

  /**
   * @param sql preferably a session of its own: a revoked key works while a query waits behind readers
   * @param background sessions for queries that may wait. Default: the same
   */
  constructor(sql: Sql, background: Sql = sql) {
    this.#sql = sql
    this.#background = background
  }

  /** `secret` is the key itself. Undefined: the tenant has as many as it may have. */
  async create(
    key: NewApiKey,
    actor: string,
    origin?: DeedOrigin,
  ): Promise<{ key: ApiKey; secret: string } | undefined> {
    const { key: secret, prefix, hash } = newKey(key.kind)
    const sql = this.#sql
    const json = (names: readonly string[] | null) => names && JSON.stringify(names)
    const { tenant: _, userId: __, ...asked } = key
    const [row] = await sql<Row[]>`
      select k.*, ${noting(sql, origin, { deed: 'key_create', asked }, { target: sql`k.id::text` })}
      from create_api_key(${key.tenant}, ${key.kind}, ${key.name}, ${key.userId},
        ${json(key.roles)}::text::jsonb, ${json(key.scopes)}::text::jsonb, ${prefix}, ${hash},
        ${key.expiresAt}::text::timestamptz, ${actor}, ${MAX_KEYS}) k`
    return row && { key: toKey(row), secret }
  }

  /**
   * Replaces a key. The one before works for so many seconds more.
   * @param userId whom the new one stands for; null: as before
   */
  async rotate(
    tenant: string,
    id: string,
    overlapSeconds: number,
    userId: string | null,
    origin?: DeedOrigin,
  ): Promise<{ key: ApiKey; secret: string } | undefined> {
    const { key: secret, prefix, hash } = newKey('service')
    const sql = this.#sql
    const deed = { deed: 'key_change', target: id, asked: { overlapSeconds } } as const
    const [row] = await sql<Row[]>`
      select k.*, ${noting(sql, origin, deed)} from rotate_api_key(${tenant}, ${id}, ${prefix}, ${hash}, make_interval(secs => ${overlapSeconds}),
        ${userId}) k`
    return row && { key: toKey(row), secret }
  }

  async revoke(
    tenant: string,
    id: string,
    actor: string,
    origin?: DeedOrigin,
  ): Promise<ApiKey | undefined> {
    const sql = this.#sql
    const [row] = await sql<Row[]>`
      select k.*, ${noting(sql, origin, { deed: 'key_revoke', target: id })}
      from revoke_api_key(${tenant}, ${id}, ${actor}) k`
    return row && toKey(row)
  }

  async get(tenant: string, id: string): Promise<ApiKey | undefined> {
    const [row] = await this.#sql<Row[]>`
      select * from api_keys where tenant = ${tenant} and id = ${id} and kind = 'service'`
    return row && toKey(row)
  }

  /** The tenant of a key of any tenant. */
  async tenantOf(id: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ tenant: string }[]>`
      select tenant from api_keys where id = ${id} and kind = 'service'`
    return row?.tenant
  }

  /** Newest first, with those that ended. */
  async list({ tenant, cursor, limit }: ApiKeyQuery) {
    const sql = this.#background
    const rows = await sql<Row[]>`
      select * from api_keys
      where kind = 'service'
        ${tenant === undefined ? sql`` : sql`and tenant = ${tenant}`}
        ${cursor === undefined ? sql`` : sql`and id < ${cursor}`}
      order by id desc limit ${limit + 1}`
    return pageOf(rows, limit, toKey)
  }

  /** The changes after `version`, in order of their versions; at most `limit`. */
  async changesAfter(version: number, limit: number): Promise<ApiKeyChange[]> {
    const rows = await this.#sql<Row[]>`
      select * from api_keys where version > ${version} order by version limit ${limit}`
    return rows.map((row) => ({
      key: toKey(row),
      credentials: credentialsOf(row),
      version: Number(row.version),
    }))
  }

  /** @param uses milliseconds since 1970 by id */
  async noteUses(uses: ReadonlyMap<string, number>): Promise<void> {
    const json = JSON.stringify(Object.fromEntries(uses))
    await this.#background`select note_key_uses(${json}::text::json)`
  }

  /** Deletes keys that ended long ago. */
  async prune(): Promise<void> {
    for (let deleted = 1; deleted > 0; ) {
      const [row] = await this.#background<{ deleted: number }[]>`
        select prune_api_keys()::integer as deleted`
      deleted = row?.deleted ?? 0
    }
  }
}

function credentialsOf(row: Row): Credential[] {
  if (row.revoked_at) return []
  const end = row.expires_at?.getTime()
  const { prefix, hash, user_id: userId } = row
  const current = { prefix, hash, userId, until: end }
  const { previous_prefix, previous_hash, previous_user_id, previous_until } = row
  if (!previous_prefix || !previous_hash || !previous_until) return [current]
  return [
    current,
    {
      prefix: previous_prefix,
      hash: previous_hash,
      userId: previous_user_id ?? userId,
      until: Math.min(previous_until.getTime(), end ?? Number.POSITIVE_INFINITY),
    },
  ]
}

const iso = (time: Date | null) => time && isoOf(time)

function toKey(row: Row): ApiKey {
  const previousUntil =
    row.previous_until && row.previous_until.getTime() > Date.now() ? row.previous_until : null
  return {
    id: row.id,
    tenant: row.tenant,
    kind: row.kind,
    name: row.name,
    userId: row.user_id,
    roles: row.roles,
    scopes: row.scopes,
    prefix: row.prefix,
    previousUntil: iso(previousUntil),
    expiresAt: iso(row.expires_at),
    revokedAt: iso(row.revoked_at),
    lastUsedAt: iso(row.last_used_at),
    createdBy: row.created_by,
    createdAt: isoOf(row.created_at),
  }
}
