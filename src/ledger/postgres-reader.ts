import type { Sql } from '../postgres/database.ts'
import type { Balance, Balances, Snapshot } from './balance.ts'
import type { Transaction } from './command.ts'
import type { UserRef } from './event.ts'
import type {
  BalanceAt,
  Reader,
  RequestPage,
  RequestQuery,
  SeriesQuery,
  TransactionFilter,
  TransactionPage,
  TransactionQuery,
} from './reader.ts'
import { type TransactionRow, toIso, toTransaction } from './rows.ts'

/** Rows that one page of a statement holds. */
const STATEMENT_PAGE = 1_000

interface BalanceRow {
  balance: string
  held: string
  seq: string
  updated_at: string
}

/** Reads balances and transactions from Postgres. */
export class PostgresReader implements Reader {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** The first call makes the user known: from then on others can send them money. */
  async balance(who: UserRef, currency: string): Promise<Balance> {
    const known = await this.knownBalance(who, currency)
    if (known) return known
    await this.#sql`select open_wallet(${who.tenant}, ${who.userId})`
    return this.balance(who, currency)
  }

  async knownBalance(who: UserRef, currency: string): Promise<Balance | undefined> {
    const [row] = await this.#sql<BalanceRow[]>`
      select coalesce(s.balance, 0) as balance, coalesce(s.held, 0) as held, w.seq,
        to_json(coalesce(s.updated_at, w.created_at)) #>> '{}' as updated_at
      from wallets w
      left join balance_snapshots s on s.wallet_id = w.id and s.currency = ${currency}
      where w.tenant = ${who.tenant} and w.user_id = ${who.userId}`
    return (
      row && {
        balance: BigInt(row.balance),
        held: BigInt(row.held),
        currency,
        seq: Number(row.seq),
        updatedAt: toIso(row.updated_at),
      }
    )
  }

  async balanceAt(who: UserRef, currency: string, at: string): Promise<bigint> {
    const [row] = await this.#sql<{ balance: string }[]>`
      select balance_at(account_id, ${at}::text::timestamptz) as balance from balance_snapshots
      where wallet_id = wallet_of(${who.tenant}, ${who.userId}) and currency = ${currency}`
    return BigInt(row?.balance ?? 0)
  }

  async balances(who: UserRef): Promise<Balances | undefined> {
    const rows = await this.#sql<
      { seq: string; currency: string | null; balance: string; held: string; updated_at: string }[]
    >`
      select w.seq, s.currency, s.balance, s.held, to_json(s.updated_at) #>> '{}' as updated_at
      from wallets w left join balance_snapshots s on s.wallet_id = w.id
      where w.tenant = ${who.tenant} and w.user_id = ${who.userId}
      order by s.currency`
    const seq = Number(rows[0]?.seq)
    return (
      rows[0] && {
        seq,
        items: rows.flatMap(({ currency, balance, held, updated_at }) =>
          currency === null
            ? []
            : {
                currency,
                balance: BigInt(balance),
                held: BigInt(held),
                seq,
                updatedAt: toIso(updated_at),
              },
        ),
      }
    )
  }

  async balanceSeries(who: UserRef, currency: string, query: SeriesQuery): Promise<BalanceAt[]> {
    const { from = null, to = null, points } = query
    // Each point is found by bisection, so that the cost does not grow with the number of entries.
    const rows = await this.#sql<{ at: string; balance: string }[]>`
      select to_json(at) #>> '{}' as at, balance_at(account_id, at) as balance
      from (
        select s.account_id,
          coalesce(${from}::text::timestamptz, least(e.created_at, ledger_clock())) as first,
          coalesce(${to}::text::timestamptz, ledger_clock()) as last
        from balance_snapshots s
        join entries e on e.account_id = s.account_id and e.version = 1
        where s.wallet_id = wallet_of(${who.tenant}, ${who.userId}) and s.currency = ${currency}
      ) wallet
      cross join generate_series(0, ${points}::int - 1) i
      -- The ends as they are: a product of intervals is rounded.
      cross join lateral (
        select case i when ${points}::int - 1 then last
          else first + (last - first) * (i::float8 / (${points}::int - 1)) end as at
      ) moment
      where first <= last
      order by i`
    return rows.map((row) => ({ at: toIso(row.at), balance: BigInt(row.balance) }))
  }

  async snapshot(who: UserRef, currency: string): Promise<Snapshot | undefined> {
    const [row] = await this.#sql<
      (Omit<BalanceRow, 'seq'> & { version: string; created_at: string })[]
    >`
      select s.balance, s.held, s.version, to_json(s.updated_at) #>> '{}' as updated_at,
        to_json(a.created_at) #>> '{}' as created_at
      from balance_snapshots s join accounts a on a.id = s.account_id
      where s.wallet_id = wallet_of(${who.tenant}, ${who.userId}) and s.currency = ${currency}`
    return (
      row && {
        tenant: who.tenant,
        userId: who.userId,
        currency,
        balance: BigInt(row.balance),
        held: BigInt(row.held),
        version: Number(row.version),
        createdAt: toIso(row.created_at),
        updatedAt: toIso(row.updated_at),
      }
    )
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

  /** One statement, so that the number fits what is listed. Each type has its own part of the partial index. */
  async requests({ types, ...query }: RequestQuery): Promise<RequestPage> {
    const sql = this.#sql
    const waiting = types.map((type) => this.#matches({ ...query, type, status: 'pending' }))
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

  async *statement(filter: TransactionFilter): AsyncIterable<Transaction[]> {
    const sql = this.#sql
    for (let after: string | undefined; ; ) {
      const rows = await sql<{ json: TransactionRow }[]>`
        select to_json(t) as json from transactions t
        where ${this.#matches(filter)}
        ${after === undefined ? sql`` : sql`and id > ${after}`}
        order by id limit ${STATEMENT_PAGE}`
      const page = rows.map((row) => toTransaction(row.json))
      if (page.length > 0) yield page
      after = page[page.length - 1]?.id
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
    const { tenant, userId, type, status, currency, from, to } = filter
    return sql`
      ${userId === undefined ? sql`tenant = ${tenant}` : sql`wallet_id = wallet_of(${tenant}, ${userId})`}
      ${type === undefined ? sql`` : sql.unsafe(`and type = ${quoted(type)}`)}
      ${status === undefined ? sql`` : sql.unsafe(`and status = ${quoted(status)}`)}
      ${currency === undefined ? sql`` : sql`and currency = ${currency}`}
      ${from === undefined ? sql`` : sql`and id >= first_uuid_at(${from}::text::timestamptz)`}
      ${to === undefined ? sql`` : sql`and id < ids_until(${tenant}, ${userId ?? null}, ${to}::text::timestamptz)`}`
  }
}

/** @param rows one more than fit on the page, where there are more */
function toPage(rows: readonly TransactionRow[], limit: number): TransactionPage {
  const items = rows.slice(0, limit).map(toTransaction)
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
}

/**
 * A name of a type or status as SQL's constant: as a parameter, whose value a generic plan does not know, it
 * would not find the partial indexes.
 */
function quoted(name: string): string {
  if (!/^[a-z_]+$/.test(name)) throw new TypeError(`${name} names no type or status`)
  return `'${name}'`
}
