import type { Sql } from '../postgres/database.ts'
import type {
  Bucket,
  CohortPeriod,
  Counted,
  Mover,
  Range,
  RollUpState,
  TypeTotals,
  WalletActivity,
} from './analytics.ts'
import type { TransactionStatus, TransactionType } from './command.ts'

interface SeriesRow {
  bucket: number
  type: TransactionType | null
  status: TransactionStatus | null
  transactions: string | null
  volume: string | null
  net: string
  fees: string | null
  largest: string | null
  users: string
  held: string
  waited_us: string | null
  waits: number[] | null
  /** Of the row of the whole bucket, which is there for each. */
  from: string | null
  to: string | null
}

const ISO = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'

/** Reads the roll-ups, which `RollUps` keeps. */
export class Analytics {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** @param _of whose roll-ups: those of all tenants of a database are the same. Default: of any */
  async state(_of?: { tenant: string }): Promise<RollUpState> {
    const [row] = await this.#sql<
      { as_of: string | null; age: number | null; building: boolean }[]
    >`
      select to_char(rolled_at at time zone 'utc', ${ISO}) as as_of,
        extract(epoch from ledger_clock() - rolled_at)::float8 as age, build_id is not null as building
      from analytics_state`
    const { as_of: asOf = null, age = null, building: isBuilding = false } = row ?? {}
    return { asOf, ageSeconds: age === null ? null : Math.max(0, age), isBuilding }
  }

  /** Every bucket of the range, also those in which nothing happened. */
  async series(range: Range, currency: string): Promise<Bucket[]> {
    const { tenant, from, to, bucket, timeZone } = range
    const rows = await this.#sql<SeriesRow[]>`
      select s.*, to_json(s.waits) as waits,
        case when s.type is null then to_char(bounds[s.bucket] at time zone 'utc', ${ISO}) end as "from",
        case when s.type is null then to_char(bounds[s.bucket + 1] at time zone 'utc', ${ISO}) end as "to"
      from analytics_bounds(${from}, ${to}, ${bucket}, ${timeZone}) as bounds
      cross join lateral analytics_series(${tenant}, ${currency}, bounds) as s`
    const types = new Map<number, TypeTotals[]>()
    const buckets: Bucket[] = []
    for (const one of rows) {
      const inside = types.get(one.bucket) ?? []
      types.set(one.bucket, inside)
      if (one.type !== null) inside.push(toTotals(one))
      else {
        buckets.push({
          ...{ from: one.from ?? '', to: one.to ?? '', users: Number(one.users) },
          ...{ balance: BigInt(one.net), held: BigInt(one.held), types: inside },
        })
      }
    }
    return buckets
  }

  /** Counts of a name by bucket and label. Buckets without any are left out. */
  async counts(range: Range, name: string, currency: string): Promise<Counted[]> {
    const { tenant, from, to, bucket, timeZone } = range
    const rows = await this.#sql<{ [K in keyof Counted]: string }[]>`
      select to_char(bounds[c.place] at time zone 'utc', ${ISO}) as "from",
        to_char(bounds[c.place + 1] at time zone 'utc', ${ISO}) as "to", c.label, c.count, c.amount
      from analytics_bounds(${from}, ${to}, ${bucket}, ${timeZone}) as bounds
      cross join lateral (
        select width_bucket(at, bounds) as place, label, sum(count) as count, sum(amount) as amount
        from analytics_counts
        where tenant = ${tenant} and name = ${name} and currency = ${currency}
          and at >= bounds[1] and at < bounds[cardinality(bounds)]
        group by 1, 2
      ) as c
      order by c.place, c.label`
    return rows.map((row) => ({
      ...{ from: row.from, to: row.to, label: row.label },
      count: Number(row.count),
      amount: BigInt(row.amount),
    }))
  }

  /**
   * Users by how much their balance changed on the days of UTC from `from` to before `to` (such as 2026-03-01). At most
   * `limit` after the `place` of another one.
   */
  async movers(query: {
    tenant: string
    currency: string
    from: string
    to: string
    direction: 'up' | 'down'
    cursor?: string | undefined
    limit: number
  }): Promise<Mover[]> {
    const { tenant, currency, from, to, direction, cursor, limit } = query
    const [change = null, wallet = null] = cursor?.split('_') ?? []
    const rows = await this.#sql<
      {
        wallet_id: string
        user_id: string
        change: string
        volume: string
        transactions: string
        balance: string | null
      }[]
    >`
      select wallet_id, user_id, change, volume, transactions, balance
      from analytics_movers(${tenant}, ${currency}, ${from}::text::date, ${to}::text::date,
        ${direction === 'up' ? 1 : -1}::int, ${change}::text::numeric, ${wallet}::text::bigint, ${limit}::int)`
    return rows.map((row) => ({
      userId: row.user_id,
      change: BigInt(row.change),
      volume: BigInt(row.volume),
      balance: BigInt(row.balance ?? 0),
      transactions: Number(row.transactions),
      place: `${row.change}_${row.wallet_id}`,
    }))
  }

  /** Wallets without an entry since a time, the longest silent first. A wallet that never had one is not among them. */
  dormant(query: WalletQuery & { since: string }): Promise<WalletActivity[]> {
    const { tenant, currency, since, cursor, limit } = query
    return this.#wallets(
      this.#sql`
        where c.generation = analytics_generation() and c.tenant = ${tenant} and c.last_entry_at < ${since}
          and (c.last_entry_at, c.wallet_id) > (${placeTime(cursor, '-infinity')}::text::timestamptz,
            ${placeId(cursor, '0')}::text::bigint)
        order by c.last_entry_at, c.wallet_id limit ${limit}`,
      this.#sql`c.last_entry_at`,
      currency,
    )
  }

  /** Wallets whose first entry is in a range of time, the newest first. */
  joined(query: WalletQuery & { from: string; to: string }): Promise<WalletActivity[]> {
    const { tenant, currency, from, to, cursor, limit } = query
    return this.#wallets(
      this.#sql`
        where c.generation = analytics_generation() and c.tenant = ${tenant} and c.first_entry_at >= ${from}
          and c.first_entry_at < ${to}
          and (c.first_entry_at, c.wallet_id) < (${placeTime(cursor, 'infinity')}::text::timestamptz,
            ${placeId(cursor, '9223372036854775807')}::text::bigint)
        order by c.first_entry_at desc, c.wallet_id desc limit ${limit}`,
      this.#sql`c.first_entry_at`,
      currency,
    )
  }

  async #wallets(
    selection: ReturnType<Sql>,
    by: ReturnType<Sql>,
    currency: string,
  ): Promise<WalletActivity[]> {
    const rows = await this.#sql<
      { user_id: string; first: string; last: string; balance: string | null; place: string }[]
    >`
      select w.user_id, to_char(c.first_entry_at at time zone 'utc', ${ISO}) as first,
        to_char(c.last_entry_at at time zone 'utc', ${ISO}) as last,
        to_char(c.ordered_by at time zone 'utc', ${ISO}) || '_' || c.wallet_id as place,
        (select s.balance from balance_snapshots s
         where s.wallet_id = c.wallet_id and s.currency = ${currency}) as balance
      from (
        select c.wallet_id, c.first_entry_at, c.last_entry_at, ${by} as ordered_by
        from analytics_cursors c ${selection}
      ) as c
      join wallets w on w.id = c.wallet_id`
    return rows.map((row) => ({
      ...{ userId: row.user_id, firstEntryAt: row.first, lastEntryAt: row.last, place: row.place },
      balance: BigInt(row.balance ?? 0),
    }))
  }

  /** Users by the month or week of their first topup, and what they did from then on. */
  async cohorts(query: {
    tenant: string
    currency: string
    unit: 'month' | 'week'
    from: string
    to: string
  }): Promise<CohortPeriod[]> {
    const { tenant, currency, unit, from, to } = query
    const rows = await this.#sql<
      { cohort: string; size: string; period: string | null; users: string; volume: string }[]
    >`
      select cohort::text, size, period::text, users, volume
      from analytics_cohorts(${tenant}, ${currency}, ${unit}, ${from}, ${to})`
    return rows.map((row) => ({
      ...{ cohort: row.cohort, period: row.period },
      ...{ size: Number(row.size), users: Number(row.users), volume: BigInt(row.volume) },
    }))
  }
}

interface WalletQuery {
  tenant: string
  currency: string
  /** The `place` of the last one of the page before. */
  cursor?: string | undefined
  limit: number
}

const placeTime = (cursor: string | undefined, none: string) => cursor?.split('_')[0] ?? none
const placeId = (cursor: string | undefined, none: string) => cursor?.split('_')[1] ?? none

function toTotals(row: SeriesRow): TypeTotals {
  const { type, status, waits } = row
  const decided = waits?.reduce((sum, count) => sum + count, 0) ?? 0
  return {
    ...{ type: type as TransactionType, status: status as TransactionStatus },
    transactions: Number(row.transactions ?? 0),
    volume: BigInt(row.volume ?? 0),
    net: BigInt(row.net),
    fees: BigInt(row.fees ?? 0),
    largest: BigInt(row.largest ?? 0),
    users: Number(row.users),
    waits:
      waits && decided > 0
        ? { averageSeconds: Number(row.waited_us ?? 0) / decided / 1e6, counts: waits }
        : undefined,
  }
}
