import type { Sql } from '../postgres/database.ts'
import type {
  Affordable,
  AffordQuery,
  Balance,
  BalanceAt,
  Balances,
  SeriesQuery,
  Snapshot,
  WalletQuery,
  WalletSummary,
} from './balance.ts'
import type { Frozen, UserRef } from './event.ts'
import { toIso } from './rows.ts'
import type { Trail } from './trail.ts'
import { readTrail } from './trail-reader.ts'
import { TransactionReader } from './transaction-reader.ts'

interface BalanceRow {
  balance: string
  held: string
  seq: string
  frozen: Frozen | null
  updated_at: string
}

function toBalance(row: BalanceRow, currency: string): Balance {
  return {
    balance: BigInt(row.balance),
    held: BigInt(row.held),
    currency,
    seq: Number(row.seq),
    ...(row.frozen && { frozen: row.frozen }),
    updatedAt: toIso(row.updated_at),
  }
}

/** Reads balances and transactions from Postgres. */
export class Reader extends TransactionReader {
  readonly #sql: Sql

  constructor(sql: Sql) {
    super(sql)
    this.#sql = sql
  }

  /** The first call makes the user known, so that others can send them money. */
  async balance(who: UserRef, currency: string): Promise<Balance> {
    const known = await this.knownBalance(who, currency)
    if (known) return known
    await this.#sql`select open_wallet(${who.tenant}, ${who.userId})`
    return this.balance(who, currency)
  }

  async knownBalance(who: UserRef, currency: string): Promise<Balance | undefined> {
    const [row] = await this.#sql<BalanceRow[]>`
      select ${this.#balanceColumns}
      from wallets w
      left join balance_snapshots s on s.wallet_id = w.id and s.currency = ${currency}
      where w.tenant = ${who.tenant} and w.user_id = ${who.userId}`
    return row && toBalance(row, currency)
  }

  /** Undefined if the tenant has no such transaction. */
  trail(tenant: string, id: string): Promise<Trail | undefined> {
    return readTrail(this.#sql, tenant, id)
  }

  /** `knownBalance` of many users, by one statement. */
  async knownBalances(
    asked: readonly { who: UserRef; currency: string }[],
  ): Promise<(Balance | undefined)[]> {
    const users = asked.map(({ who: { tenant, userId }, currency }) => ({
      ...{ tenant, user_id: userId, currency },
    }))
    const rows = await this.#sql<(BalanceRow | { seq: null })[]>`
      select known.*
      from rows from (
        json_to_recordset(${JSON.stringify(users)}::text::json) as (tenant text, user_id text, currency text)
      ) with ordinality as asked (tenant, user_id, currency, place)
      -- The planner takes any JSON for 100 rows, and would read every wallet. With offset 0 it looks up each one.
      left join lateral (
        select ${this.#balanceColumns}
        from wallets w
        left join balance_snapshots s on s.wallet_id = w.id and s.currency = asked.currency
        where w.tenant = asked.tenant and w.user_id = asked.user_id
        offset 0
      ) known on true
      order by asked.place`
    return rows.map((row, i) =>
      row.seq === null ? undefined : toBalance(row, asked[i]?.currency ?? ''),
    )
  }

  get #balanceColumns() {
    return this.#sql`
      coalesce(s.balance, 0) as balance, coalesce(s.held, 0) as held, w.seq, frozen_sides(w) as frozen,
      to_json(coalesce(s.updated_at, w.created_at)) #>> '{}' as updated_at`
  }

  async canAfford(who: UserRef, { currency, amount, type }: AffordQuery): Promise<Affordable> {
    const [row] = await this.#sql<
      {
        reason: NonNullable<Affordable['reason']> | null
        available: string
        frees_at: string | null
      }[]
    >`
      select reason, available, to_json(frees_at) #>> '{}' as frees_at
      from can_afford(${who.tenant}, ${who.userId}, ${currency}, ${amount.toString()}::bigint,
        ${type}::text::transaction_type)`
    if (!row) throw new Error('can_afford returned nothing')
    return {
      available: BigInt(row.available),
      ...(row.reason !== null && { reason: row.reason }),
      ...(row.frees_at !== null && { freesAt: toIso(row.frees_at) }),
    }
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
    // Each point is found by bisection, so the cost hardly grows with the number of entries.
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
      (Omit<BalanceRow, 'seq' | 'frozen'> & { version: string; created_at: string })[]
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

  async wallets({ tenant, currency, search = '', cursor = '', limit }: WalletQuery) {
    const rows = await this.#sql<
      {
        user_id: string
        frozen: Frozen | null
        balances: { currency: string; balance: string; held: string }[]
        updated_at: string
      }[]
    >`
      select w.user_id, frozen_sides(w) as frozen, coalesce(s.balances, '[]') as balances,
        to_json(coalesce(s.updated_at, w.created_at)) #>> '{}' as updated_at
      from wallets w
      cross join lateral (
        select max(updated_at) as updated_at, json_agg(json_build_object(
          'currency', currency, 'balance', balance::text, 'held', held::text
        ) order by currency) as balances
        from balance_snapshots where wallet_id = w.id
      ) s
      where w.tenant = ${tenant} and w.user_id > ${cursor}
        and strpos(lower(w.user_id), lower(${search})) > 0
      order by w.user_id limit ${limit + 1}`
    const items = rows.slice(0, limit).map((row): WalletSummary => {
      const balances = row.balances.map(({ currency, balance, held }) => ({
        currency,
        balance: BigInt(balance),
        held: BigInt(held),
      }))
      const { balance = 0n, held = 0n } = balances.find((one) => one.currency === currency) ?? {}
      const updatedAt = toIso(row.updated_at)
      const frozen = row.frozen && { frozen: row.frozen }
      return { userId: row.user_id, currency, balance, held, balances, ...frozen, updatedAt }
    })
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.userId ?? null) : null }
  }
}
