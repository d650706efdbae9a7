import type { DeedOrigin } from '../ledger/deed.ts'
import { noting } from '../ledger/deeds.ts'
import { isoOf, pageOf } from '../ledger/rows.ts'
import type { Sql } from '../postgres/database.ts'

/** Revoked tokens: all tokens of a user that were issued up to `revokedAt`, or the one with an id. */
export interface Revocation {
  id: string
  tenant: string
  /** Exactly one of the two. */
  userId?: string
  /** A `jti`. */
  tokenId?: string
  reason: string | null
  /** The admin's user id. */
  revokedBy: string
  /** ISO 8601, as all times here. */
  revokedAt: string
  /** When the tokens have expired anyway and the revocation is deleted; null: it applies until it is lifted. */
  expiresAt: string | null
}

export type NewRevocation = Omit<Revocation, 'id' | 'revokedAt'>

export interface RevocationQuery {
  tenant: string
  userId?: string
  tokenId?: string
  /** The id of the last revocation of the previous page. */
  cursor?: string
  limit: number
}

/** A revocation after it was added, renewed or lifted. */
export interface RevocationChange {
  revocation: Revocation
  lifted: boolean
  /** Greater than the version of every change that was visible before. */
  version: number
}

/** Stores revocations. Every method rejects while the store is unavailable. */
export interface RevocationStore {
  /** Revoking the same user or token again renews the existing revocation. */
  revoke(revocation: NewRevocation, origin?: DeedOrigin): Promise<Revocation>
  /** False if the tenant has no revocation with this id. */
  lift(tenant: string, id: string, origin?: DeedOrigin): Promise<boolean>
  /** The revocations that apply, newest first. */
  list(query: RevocationQuery): Promise<{ items: Revocation[]; nextCursor: string | null }>
  /** The changes after `version`, in order of their versions; at most `limit`. */
  changesAfter(version: number, limit: number): Promise<RevocationChange[]>
  /** Deletes the revocations that have no effect any more. */
  prune(): Promise<void>
}

interface Row {
  id: string
  tenant: string
  kind: 'user' | 'token'
  subject: string
  reason: string | null
  revoked_by: string
  revoked_at: Date
  expires_at: Date | null
  lifted_at: Date | null
  version: string
}

/** The table `revocations`. */
export class PostgresRevocations implements RevocationStore {
  readonly #sql: Sql
  readonly #background: Sql
  readonly #maxLifetimeSeconds: number | undefined

  /**
   * @param sql preferably a session of its own: a revoked token stays valid while a query waits behind readers
   * @param options.background sessions for queries that may wait: lists and deletion. Default: the same
   * @param options.maxLifetimeSeconds the longest lifetime of a token; a user's revocation has no effect afterwards
   */
  constructor(
    sql: Sql,
    options: { background?: Sql; maxLifetimeSeconds?: number | undefined } = {},
  ) {
    this.#sql = sql
    this.#background = options.background ?? sql
    this.#maxLifetimeSeconds = options.maxLifetimeSeconds
  }

  async revoke(revocation: NewRevocation, origin?: DeedOrigin): Promise<Revocation> {
    const sql = this.#sql
    const { tenant, userId, tokenId, reason, revokedBy, expiresAt } = revocation
    const [kind, subject] = userId === undefined ? ['token', tokenId ?? ''] : ['user', userId]
    const lifetime = this.#maxLifetimeSeconds ?? null
    const asked = { ...(tokenId !== undefined && { tokenId }), reason, expiresAt }
    const note = noting(
      sql,
      origin,
      { deed: 'tokens_revoke', userId, asked },
      { target: sql`id::text` },
    )
    const [row] = await sql<Row[]>`
      select *, ${note} from revoke_tokens(${tenant}, ${kind}, ${subject}, ${reason}, ${revokedBy},
        coalesce(${expiresAt}::timestamptz, clock_timestamp() + make_interval(secs => ${lifetime})))`
    if (!row) throw new Error('the revocation was not written')
    return toRevocation(row)
  }

  async lift(tenant: string, id: string, origin?: DeedOrigin): Promise<boolean> {
    const sql = this.#sql
    const note = noting(
      sql,
      origin,
      { deed: 'revocation_lift', target: id },
      {
        details: sql`jsonb_build_object('before', (
          select jsonb_build_object(case kind when 'user' then 'userId' else 'tokenId' end, subject, 'reason', reason)
          from revocations where tenant = ${tenant} and id = ${id}))`,
      },
    )
    const [row] = await sql<{ lifted: boolean }[]>`
      select lifted, case when lifted then ${note} end from lift_revocation(${tenant}, ${id}) as lifted`
    return row?.lifted === true
  }

  async list({ tenant, userId, tokenId, cursor, limit }: RevocationQuery) {
    const sql = this.#background
    const rows = await sql<Row[]>`
      select * from revocations
      where tenant = ${tenant} and revocation_stands(lifted_at, expires_at)
        ${userId === undefined ? sql`` : sql`and kind = 'user' and subject = ${userId}`}
        ${tokenId === undefined ? sql`` : sql`and kind = 'token' and subject = ${tokenId}`}
        ${cursor === undefined ? sql`` : sql`and id < ${cursor}`}
      order by id desc limit ${limit + 1}`
    return pageOf(rows, limit, toRevocation)
  }

  async changesAfter(version: number, limit: number): Promise<RevocationChange[]> {
    const rows = await this.#sql<Row[]>`
      select * from revocations where version > ${version} order by version limit ${limit}`
    return rows.map((row) => ({
      revocation: toRevocation(row),
      lifted: row.lifted_at !== null,
      version: Number(row.version),
    }))
  }

  async prune(): Promise<void> {
    for (let deleted = 1; deleted > 0; ) {
      const [row] = await this.#background<{ deleted: number }[]>`
        select prune_revocations()::integer as deleted`
      deleted = row?.deleted ?? 0
    }
  }
}

function toRevocation({ id, tenant, kind, subject, ...row }: Row): Revocation {
  return {
    id,
    tenant,
    ...(kind === 'user' ? { userId: subject } : { tokenId: subject }),
    reason: row.reason,
    revokedBy: row.revoked_by,
    revokedAt: isoOf(row.revoked_at),
    expiresAt: row.expires_at && isoOf(row.expires_at),
  }
}
