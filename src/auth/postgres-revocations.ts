import { toIso } from '../ledger/rows.ts'
import type { Sql } from '../postgres/database.ts'
import type {
  NewRevocation,
  Revocation,
  RevocationChange,
  RevocationQuery,
  RevocationStore,
} from './revocation.ts'

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
  readonly #atLeisure: Sql
  readonly #maxLifetime: number | undefined

  /**
   * @param sql best a session of its own: what waits behind readers lets a revoked token count longer
   * @param options.atLeisure sessions for what may wait: lists, and forgetting. Default: the same
   * @param options.maxLifetime seconds that a token lives at most, after which a user's revocation has no meaning
   */
  constructor(sql: Sql, options: { atLeisure?: Sql; maxLifetime?: number | undefined } = {}) {
    this.#sql = sql
    this.#atLeisure = options.atLeisure ?? sql
    this.#maxLifetime = options.maxLifetime
  }

  async revoke(revocation: NewRevocation): Promise<Revocation> {
    const { tenant, userId, tokenId, reason, revokedBy, expiresAt } = revocation
    const [kind, subject] = userId === undefined ? ['token', tokenId ?? ''] : ['user', userId]
    const lifetime = this.#maxLifetime ?? null
    const [row] = await this.#sql<Row[]>`
      select * from revoke_tokens(${tenant}, ${kind}, ${subject}, ${reason}, ${revokedBy},
        coalesce(${expiresAt}::timestamptz, clock_timestamp() + make_interval(secs => ${lifetime})))`
    if (!row) throw new Error('the revocation was not written')
    return toRevocation(row)
  }

  async lift(tenant: string, id: string): Promise<boolean> {
    const [row] = await this.#sql<{ lifted: boolean }[]>`
      select lift_revocation(${tenant}, ${id}) as lifted`
    return row?.lifted === true
  }

  async list({ tenant, userId, tokenId, cursor, limit }: RevocationQuery) {
    const sql = this.#atLeisure
    const rows = await sql<Row[]>`
      select * from revocations
      where tenant = ${tenant} and revocation_stands(lifted_at, expires_at)
        ${userId === undefined ? sql`` : sql`and kind = 'user' and subject = ${userId}`}
        ${tokenId === undefined ? sql`` : sql`and kind = 'token' and subject = ${tokenId}`}
        ${cursor === undefined ? sql`` : sql`and id < ${cursor}`}
      order by id desc limit ${limit + 1}`
    const items = rows.slice(0, limit).map(toRevocation)
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
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
    let gone = 0
    do {
      const [row] = await this.#atLeisure<{ gone: string }[]>`select prune_revocations() as gone`
      gone = Number(row?.gone ?? 0)
    } while (gone > 0)
  }
}

function toRevocation({ id, tenant, kind, subject, ...row }: Row): Revocation {
  return {
    id,
    tenant,
    ...(kind === 'user' ? { userId: subject } : { tokenId: subject }),
    reason: row.reason,
    revokedBy: row.revoked_by,
    revokedAt: toIso(row.revoked_at.toISOString()),
    expiresAt: row.expires_at ? toIso(row.expires_at.toISOString()) : null,
  }
}
