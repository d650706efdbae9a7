import type { Sql } from '../postgres/database.ts'
import type { Deed, DeedFilter, DeedName, DeedOrigin, DeedQuery, NewDeed } from './deed.ts'
import { toIso } from './rows.ts'

/** Rows in one page of an export. */
const EXPORT_PAGE = 1_000

interface DeedRow {
  id: string
  at: string
  actor: string
  roles: string[]
  key_id: string | null
  deed: DeedName
  user_id: string | null
  target: string | null
  result: string
  request_id: string | null
  address: string | null
  details: Pick<Deed, 'asked' | 'before' | 'after'>
  seq: number | null
  hash: string | null
}

const nothing = (sql: Sql) => sql`'{}'::jsonb`

/** A part of a statement. */
type Fragment = ReturnType<typeof nothing>

/**
 * A column for the SQL statement that does the deed: both are committed, or neither. Without an origin nothing is noted:
 * for callers that act for nobody.
 * @param known what only the statement knows: `target`, and `details`, an SQL object with `before` or `after`. A
 *   subquery in it sees the tables as they were before the statement
 */
export function noting(
  sql: Sql,
  origin: DeedOrigin | undefined,
  { deed, userId, target, ...details }: NewDeed,
  known: { target?: Fragment; details?: Fragment } = {},
) {
  return sql`note_deed(${json(origin)}::text::jsonb, ${deed}, ${userId ?? null},
    ${known.target ?? sql`${target ?? null}::text`},
    ${json(details)}::text::jsonb || ${known.details ?? nothing(sql)})`
}

const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value))

/** The log of deeds: what admins, services and operators did, and what they were refused. */
export class Deeds {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /**
   * Notes a deed by itself: one that was refused, or one that changes nothing in this database. A change of this
   * database is noted by its own statement, with `noting`.
   * @param result `done`, or the code of the refusal
   */
  async note(
    origin: DeedOrigin,
    { deed, userId, target, ...details }: NewDeed,
    result = 'done',
  ): Promise<void> {
    await this.#sql`
      select note_deed(${json(origin)}::text::jsonb, ${deed}, ${userId ?? null}, ${target ?? null},
        ${json(details)}::text::jsonb, ${result})`
  }

  async list(query: DeedQuery): Promise<{ items: Deed[]; nextCursor: string | null }> {
    const { limit, order = 'desc' } = query
    const items = (await this.#page(query, limit + 1, order, query.cursor)).map(toDeed)
    const page = items.slice(0, limit)
    return { items: page, nextCursor: items.length > limit ? (page.at(-1)?.id ?? null) : null }
  }

  /** All that match, oldest first, in pages. */
  async *all(filter: DeedFilter): AsyncIterable<Deed[]> {
    for (let after: string | undefined; ; ) {
      const page = (await this.#page(filter, EXPORT_PAGE, 'asc', after)).map(toDeed)
      if (page.length > 0) yield page
      after = page.at(-1)?.id
      if (page.length < EXPORT_PAGE) return
    }
  }

  /** Adds new deeds to the chains of their tenants. Returns how many. */
  async seal(): Promise<number> {
    const [row] = await this.#sql<{ sealed: number }[]>`select seal_deeds() as sealed`
    return row?.sealed ?? 0
  }

  #page(filter: DeedFilter, limit: number, order: 'asc' | 'desc', cursor: string | undefined) {
    const sql = this.#sql
    const { tenant, actor, deed, target, result, from, to } = filter
    const after =
      cursor === undefined
        ? sql``
        : order === 'asc'
          ? sql`and d.id > ${cursor}`
          : sql`and d.id < ${cursor}`
    return sql<DeedRow[]>`
      select d.id, to_json(d.at) #>> '{}' as at, d.actor, to_json(d.roles) as roles, d.key_id, d.deed, d.user_id,
        d.target, d.result, d.request_id, d.address, d.details, s.seq::float8 as seq, encode(s.hash, 'hex') as hash
      from deeds d left join deed_seals s on s.tenant = d.tenant and s.deed_id = d.id
      where d.tenant = ${tenant} ${after}
        ${actor === undefined ? sql`` : sql`and d.actor = ${actor}`}
        ${deed === undefined ? sql`` : sql`and d.deed = ${deed}::text::deed_name`}
        ${target === undefined ? sql`` : sql`and (d.target = ${target} or d.user_id = ${target})`}
        ${result === undefined ? sql`` : result === 'done' ? sql`and d.result = 'done'` : sql`and d.result <> 'done'`}
        ${from === undefined ? sql`` : sql`and d.id >= first_uuid_at(${from}::text::timestamptz)`}
        ${to === undefined ? sql`` : sql`and d.id < first_uuid_at(${to}::text::timestamptz)`}
      ${order === 'asc' ? sql`order by d.id` : sql`order by d.id desc`} limit ${limit}`
  }
}

function toDeed(row: DeedRow): Deed {
  const { id, actor, roles, deed, target, result, address, details, seq, hash } = row
  return {
    ...{ id, at: toIso(row.at), actor, roles, keyId: row.key_id, deed },
    ...{ userId: row.user_id, target, result, requestId: row.request_id, address },
    ...(details.asked && { asked: details.asked }),
    ...(details.before && { before: details.before }),
    ...(details.after && { after: details.after }),
    seal: seq === null || hash === null ? null : { seq, hash },
  }
}
