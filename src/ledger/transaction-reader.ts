import type { Sql } from '../postgres/database.ts'
import type { RequestType, Transaction, TransactionStatus, TransactionType } from './command.ts'
import { pageOf, type TransactionRow, toTransaction } from './rows.ts'

/** A filter of transactions. Missing fields do not narrow it. */
export interface TransactionFilter {
  tenant: string
  userId?: string
  type?: TransactionType
  status?: TransactionStatus
  currency?: string
  /** ISO 8601, by `createdAt`: inclusive and exclusive. */
  from?: string
  to?: string
  referenceId?: string
  /** By key, as text: `42` finds the number as well as the string. */
  metadata?: Readonly<Record<string, string>>
}

export interface TransactionQuery extends TransactionFilter {
  /** The `nextCursor` of the page before: the id of its last transaction. */
  cursor?: string
  limit: number
  /** By time of request. Default `desc`, newest first. */
  order?: 'asc' | 'desc'
}

/** A filter of the requests that wait for an admin. */
export interface RequestQuery extends Omit<TransactionQuery, 'type' | 'status'> {
  types: readonly RequestType[]
  /** For which of two admins they wait. */
  waitingFor?: 'first' | 'second'
  /** Minor units of `currency`, without regard to the sign, both inclusive. */
  minAmount?: bigint
  maxAmount?: bigint
}

/** What an admin should know of a user to decide a request. Amounts are minor units. */
export interface RequestContext {
  userId: string
  currency: string
  balance: bigint
  held: bigint
  /** Of the last twenty topups and the last twenty withdrawals that were decided. */
  approved: number
  rejected: number
}

export interface TransactionPage {
  items: Transaction[]
  /** Null on the last page. */
  nextCursor: string | null
}

export interface RequestPage extends TransactionPage {
  /** The number of waiting requests on all pages. */
  total: number
  /** The number of them before this page. */
  offset: number
}

/** Rows in one page of a statement. */
const STATEMENT_PAGE = 1_000

/** Reads transactions. */
export class TransactionReader {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async transaction(tenant: string, id: string, userId?: string): Promise<Transaction | undefined> {
    const sql = this.#sql
    const [row] = await sql<{ json: TransactionRow }[]>`
      select to_json(t) as json from transactions t
      where id = ${id} and tenant = ${tenant}
      ${userId === undefined ? sql`` : sql`and user_id = ${userId}`}`
    return row && toTransaction(row.json)
  }

  async transactions(query: TransactionQuery): Promise<TransactionPage> {
    const sql = this.#sql
    const rows = await sql<{ json: TransactionRow }[]>`
      select to_json(t) as json from transactions t
      where ${this.#matches(query)}
      ${this.#after(query)}
      ${this.#order(query)} limit ${query.limit + 1}`
    return toPage(
      rows.map(({ json }) => json),
      query.limit,
    )
  }

  /** One SQL statement, so that the number agrees with the list. Each type has its own part of the partial index. */
  async requests({
    types,
    waitingFor,
    minAmount,
    maxAmount,
    ...query
  }: RequestQuery): Promise<RequestPage> {
    const sql = this.#sql
    const approved =
      waitingFor === undefined
        ? sql``
        : waitingFor === 'first'
          ? sql`and approved_by is null`
          : sql`and approved_by is not null`
    const least =
      minAmount === undefined ? sql`` : sql`and abs(amount) >= ${minAmount.toString()}::bigint`
    const most =
      maxAmount === undefined ? sql`` : sql`and abs(amount) <= ${maxAmount.toString()}::bigint`
    const waiting = types.map(
      (type) =>
        sql`${this.#matches({ ...query, type, status: 'pending' })} ${approved} ${least} ${most}`,
    )
    const parts = <T>(part: (matches: T) => unknown, matches: readonly T[]) =>
      matches.map((each, i) =>
        i === 0 ? sql`${part(each) as never}` : sql`union all ${part(each) as never}`,
      )
    const [row] = await sql<{ total: number; offset: number; rows: TransactionRow[] }[]>`
      select n.total, n.total - n.left_over as offset, coalesce((
        select json_agg(to_json(page) ${this.#order(query)}) from (
          select * from (${parts(
            (matches) => sql`(
              select * from transactions where ${matches} ${this.#after(query)}
              ${this.#order(query)} limit ${query.limit + 1})`,
            waiting,
          )}) found
          ${this.#order(query)} limit ${query.limit + 1}
        ) page), '[]') as rows
      from (
        select count(*)::int as total, (count(*) filter (where true ${this.#after(query)}))::int as left_over
        from (${parts((matches) => sql`(select id from transactions where ${matches})`, waiting)}) waiting
      ) n`
    const { total = 0, offset = 0, rows = [] } = row ?? {}
    return { ...toPage(rows, query.limit), total, offset }
  }

  /** Of each user and currency among the requests, in any order. One statement for all. */
  async requestContexts(
    tenant: string,
    requests: readonly Pick<Transaction, 'userId' | 'currency'>[],
  ): Promise<RequestContext[]> {
    const keys = new Set(requests.map(({ userId, currency }) => `${currency} ${userId}`))
    const asked = [...keys].map((key) => ({ currency: key.slice(0, 3), user_id: key.slice(4) }))
    if (asked.length === 0) return []
    const rows = await this.#sql<
      {
        user_id: string
        currency: string
        balance: string
        held: string
        approved: number
        rejected: number
      }[]
    >`
      select w.user_id, asked.currency, w.balance, w.held, past.approved, past.rejected
      from json_to_recordset(${JSON.stringify(asked)}::text::json) as asked (user_id text, currency text)
      -- The planner takes any JSON for 100 rows, and would read every wallet. With offset 0 it looks up each one.
      cross join lateral (
        select w.id, w.user_id, coalesce(s.balance, 0) as balance, coalesce(s.held, 0) as held
        from wallets w
        left join balance_snapshots s on s.wallet_id = w.id and s.currency = asked.currency
        where w.tenant = ${tenant} and w.user_id = asked.user_id
        offset 0
      ) w
      cross join lateral (
        select count(*) filter (where status = 'success')::int as approved,
          count(*) filter (where status = 'failed')::int as rejected
        from (
          (select status from transactions t
           where t.wallet_id = w.id and t.type = 'topup' and t.status <> 'pending'
           order by t.id desc limit 20)
          union all
          (select status from transactions t
           where t.wallet_id = w.id and t.type = 'withdrawal' and t.status <> 'pending'
           order by t.id desc limit 20)
        ) decided
      ) past`
    return rows.map(({ user_id: userId, balance, held, ...rest }) => ({
      ...rest,
      userId,
      balance: BigInt(balance),
      held: BigInt(held),
    }))
  }

  /** A page of a statement, oldest first. One that is not full is the last. */
  async statementPage(filter: TransactionFilter, after?: string): Promise<Transaction[]> {
    const sql = this.#sql
    const rows = await sql<{ json: TransactionRow }[]>`
      select to_json(t) as json from transactions t
      where ${this.#matches(filter)}
      ${after === undefined ? sql`` : sql`and id > ${after}`}
      order by id limit ${STATEMENT_PAGE}`
    return rows.map((row) => toTransaction(row.json))
  }

  /** All pages of a statement, each read when the one before was taken. */
  async *statement(filter: TransactionFilter): AsyncIterable<Transaction[]> {
    for (let after: string | undefined; ; ) {
      const page = await this.statementPage(filter, after)
      if (page.length > 0) yield page
      after = page.at(-1)?.id
      if (page.length < STATEMENT_PAGE) return
    }
  }

  #after({ cursor, order }: TransactionQuery) {
    const sql = this.#sql
    if (cursor === undefined) return sql``
    return order === 'asc' ? sql`and id > ${cursor}` : sql`and id < ${cursor}`
  }

  #order({ order }: TransactionQuery) {
    return order === 'asc' ? this.#sql`order by id` : this.#sql`order by id desc`
  }

  /** A user's transactions by (wallet_id, id), a tenant's by (tenant, id); times narrow the id. */
  #matches(filter: TransactionFilter) {
    const sql = this.#sql
    const { tenant, userId, type, status, currency, from, to, referenceId, metadata = {} } = filter
    return sql`
      ${userId === undefined ? sql`tenant = ${tenant}` : sql`wallet_id = wallet_of(${tenant}, ${userId})`}
      ${type === undefined ? sql`` : sql.unsafe(`and type = ${quoted(type)}`)}
      ${status === undefined ? sql`` : sql.unsafe(`and status = ${quoted(status)}`)}
      ${currency === undefined ? sql`` : sql`and currency = ${currency}`}
      ${from === undefined ? sql`` : sql`and id >= first_uuid_at(${from}::text::timestamptz)`}
      ${to === undefined ? sql`` : sql`and id < ids_until(${tenant}, ${userId ?? null}, ${to}::text::timestamptz)`}
      ${
        // A tenant stands here so that the index of references serves a user's list too.
        referenceId === undefined
          ? sql``
          : sql`and tenant = ${tenant} and reference_id = ${referenceId}`
      }
${Object.entries(metadata).reduce((so, [key, value]) => sql`${so} ${this.#has(key, value)}`, sql``)}`
  }

  /** By containment, which the index of metadata answers. */
  #has(key: string, value: string) {
    const [text, other = text] = spellings(value).map((each) => JSON.stringify({ [key]: each }))
    return this
      .#sql`and (metadata @> ${text ?? null}::text::jsonb or metadata @> ${other ?? null}::text::jsonb)`
  }
}

const toPage = (rows: readonly TransactionRow[], limit: number): TransactionPage =>
  pageOf(rows, limit, toTransaction)

/**
 * The name of a type or status as an SQL constant. A generic plan does not know the value of a parameter, so it could
 * not use the partial indexes.
 */
function quoted(name: string): string {
  if (!/^[a-z_]+$/.test(name)) throw new TypeError(`${name} names no type or status`)
  return `'${name}'`
}

/** The JSON values that a text of a query string may mean: a string, and a number, a boolean or null. */
function spellings(value: string): unknown[] {
  if (!/^(true|false|null|-?\d{1,15}(\.\d{1,15})?)$/.test(value)) return [value]
  const parsed: unknown = safeParse(value)
  return parsed === undefined ? [value] : [value, parsed]
}

function safeParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Such as 007, which is text only.
    return undefined
  }
}
