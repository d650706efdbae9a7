import type { Sql } from '../postgres/database.ts'
import type { LimitedType } from './command.ts'
import type { DeedOrigin } from './deed.ts'
import { noting } from './deeds.ts'
import type { UserRef } from './event.ts'
import { toDecimal } from './money.ts'
import { toIso } from './rows.ts'

/** The user gets one `balance_alert` each time the balance crosses the threshold in this direction. */
export interface Monitor extends UserRef {
  id: string
  currency: string
  /** Minor units. */
  threshold: bigint
  direction: 'below' | 'above'
  createdAt: string
}

/** How much a user may spend by one type of transaction. At least one of the two bounds is set. */
export interface SpendingLimit extends UserRef {
  type: LimitedType
  currency: string
  /** The largest single amount, in minor units. */
  maxAmount: bigint | null
  /** The largest sum, in minor units, over any `windowSeconds`. Both are set or neither is. */
  maxSum: bigint | null
  windowSeconds: number | null
  updatedAt: string
}

/** How much of a spending limit is used now. Amounts are minor units. */
export interface LimitUsage extends Omit<SpendingLimit, keyof UserRef | 'updatedAt'> {
  /** The sum that counts now. Null without `maxSum`. */
  used: bigint | null
  /** The oldest amount that counts, and when it stops counting. Null if nothing counts. */
  freesAmount: bigint | null
  freesAt: string | null
}

/** A page of the users of a tenant who have limits or monitors, with all of theirs. */
export interface PolicyQuery {
  tenant: string
  /** A part of the user id, in any case of letters. */
  search?: string
  /** The last user of the page before. */
  cursor?: string
  /** Users on a page. */
  limit: number
}

/** A monitor with the balance that it watches, in minor units. */
export interface WatchedMonitor extends Monitor {
  balance: bigint
}

const MONITORS_PER_USER = 20

interface MonitorRow {
  id: string
  currency: string
  threshold: string
  direction: 'below' | 'above'
  created_at: string
}

interface LimitRow {
  user_id: string
  type: LimitedType
  currency: string
  max_amount: string | null
  max_sum: string | null
  window_seconds: number | null
  updated_at: string
}

interface UsageRow extends Omit<LimitRow, 'user_id' | 'updated_at'> {
  used: string | null
  frees_amount: string | null
  frees_at: string | null
}

/** Stores balance monitors and spending limits. */
export class LimitsAndAlerts {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async monitors(who: UserRef): Promise<Monitor[]> {
    const rows = await this.#sql<MonitorRow[]>`
      select id, currency, threshold, direction, to_json(created_at) #>> '{}' as created_at
      from monitors where wallet_id = wallet_of(${who.tenant}, ${who.userId})
      order by created_at, id`
    return rows.map((row) => toMonitor(who, row))
  }

  async putMonitor(
    monitor: Omit<Monitor, 'id' | 'createdAt'>,
    origin?: DeedOrigin,
  ): Promise<Monitor | undefined> {
    const { tenant, userId, currency, threshold, direction } = monitor
    const sql = this.#sql
    const asked = { threshold: toDecimal(threshold, currency), currency, direction }
    const [row] = await sql<MonitorRow[]>`
      select id, currency, threshold, direction, to_json(created_at) #>> '{}' as created_at,
        ${noting(sql, origin, { deed: 'monitor_set', userId, asked }, { target: sql`id::text` })}
      from put_monitor(${tenant}, ${userId}, ${currency}, ${threshold.toString()}, ${direction},
        ${MONITORS_PER_USER})`
    return row && toMonitor(monitor, row)
  }

  async deleteMonitors(who: UserRef, id?: string, origin?: DeedOrigin): Promise<number> {
    const sql = this.#sql
    const [row] = await sql<{ deleted: number }[]>`
      select deleted, case when deleted > 0 then ${noting(
        sql,
        origin,
        { deed: 'monitor_delete', userId: who.userId, target: id },
        { details: sql`jsonb_build_object('after', jsonb_build_object('deleted', deleted))` },
      )} end
      from delete_monitors(${who.tenant}, ${who.userId}, ${id ?? null}) as deleted`
    return row?.deleted ?? 0
  }

  async limits(tenant: string, userId?: string): Promise<SpendingLimit[]> {
    const sql = this.#sql
    const rows = await sql<LimitRow[]>`
      select l.user_id, l.type, l.currency, l.max_amount, l.max_sum, l.window_seconds,
        to_json(l.updated_at) #>> '{}' as updated_at
      from limits l
      where l.tenant = ${tenant} ${userId === undefined ? sql`` : sql`and l.user_id = ${userId}`}
      order by l.user_id, l.type, l.currency`
    return rows.map((row) => toLimit(tenant, row))
  }

  /** Empty for an unknown user. */
  async usage(who: UserRef): Promise<LimitUsage[]> {
    const rows = await this.#sql<UsageRow[]>`
      select type, currency, max_amount, max_sum, window_seconds, used, frees_amount,
        to_json(frees_at) #>> '{}' as frees_at
      from limits_usage(${who.tenant}, ${who.userId})`
    return rows.map(toUsage)
  }

  /** The limits of a page of users, and what is used of each. */
  async usagePage(query: PolicyQuery): Promise<Page<LimitUsage & UserRef>> {
    const sql = this.#sql
    const { tenant } = query
    const rows = await sql<(UsageRow & { user_id: string })[]>`
      with users as materialized (${this.#usersWith(sql`limits`, query)})
      select users.user_id, u.type, u.currency, u.max_amount, u.max_sum, u.window_seconds, u.used, u.frees_amount,
        to_json(u.frees_at) #>> '{}' as frees_at
      from users cross join lateral limits_usage(${tenant}, users.user_id) u
      order by users.user_id, u.type, u.currency`
    return toPage(
      rows.map((row) => ({ tenant, userId: row.user_id, ...toUsage(row) })),
      query.limit,
    )
  }

  /** The monitors of a page of users. */
  async monitorPage(query: PolicyQuery): Promise<Page<WatchedMonitor>> {
    const sql = this.#sql
    const { tenant } = query
    const rows = await sql<(MonitorRow & { user_id: string; balance: string })[]>`
      with users as materialized (${this.#usersWith(sql`monitors`, query)})
      select users.user_id, m.id, m.currency, m.threshold, m.direction, to_json(m.created_at) #>> '{}' as created_at,
        coalesce(s.balance, 0) as balance
      from users join monitors m using (wallet_id)
      left join balance_snapshots s on s.wallet_id = m.wallet_id and s.currency = m.currency
      order by users.user_id, m.created_at, m.id`
    return toPage(
      rows.map((row) => ({
        ...toMonitor({ tenant, userId: row.user_id }, row),
        balance: BigInt(row.balance),
      })),
      query.limit,
    )
  }

  /** One user more than the page has, if there is one. */
  #usersWith(table: ReturnType<Sql>, { tenant, search = '', cursor = '', limit }: PolicyQuery) {
    return this.#sql`
      select distinct user_id, wallet_id from ${table}
      where tenant = ${tenant} and user_id > ${cursor} and strpos(lower(user_id), lower(${search})) > 0
      order by user_id limit ${limit + 1}`
  }

  async putLimit(
    limit: Omit<SpendingLimit, 'updatedAt'>,
    origin?: DeedOrigin,
  ): Promise<SpendingLimit> {
    const { tenant, userId, type, currency, maxAmount, maxSum, windowSeconds } = limit
    const sql = this.#sql
    const decimal = (minor: bigint | null) => minor && toDecimal(minor, currency)
    const asked = {
      ...{ type, currency, maxAmount: decimal(maxAmount), maxSum: decimal(maxSum), windowSeconds },
    }
    const [row] = await sql<LimitRow[]>`
      with wallet as (select lock_wallet(${tenant}, ${userId}) as id)
      insert into limits (wallet_id, type, currency, max_amount, max_sum, window_seconds)
      select id, ${type}, ${currency}, ${maxAmount?.toString() ?? null}::bigint,
        ${maxSum?.toString() ?? null}::bigint, ${windowSeconds}::integer
      from wallet
      on conflict (wallet_id, type, currency) do update set
        max_amount = excluded.max_amount, max_sum = excluded.max_sum,
        window_seconds = excluded.window_seconds, updated_at = clock_timestamp()
      returning ${userId} as user_id, type, currency, max_amount, max_sum, window_seconds,
        to_json(updated_at) #>> '{}' as updated_at,
        ${noting(
          sql,
          origin,
          { deed: 'limit_set', userId, asked },
          {
            details: sql`coalesce((
              select jsonb_build_object('before', ${this.#limitJson})
              from limits l where l.wallet_id = limits.wallet_id and l.type = limits.type and l.currency = limits.currency
            ), '{}')`,
          },
        )}`
    if (!row) throw new Error('the limit was not written')
    return toLimit(tenant, row)
  }

  async deleteLimit(
    who: UserRef,
    type: LimitedType,
    currency: string,
    origin?: DeedOrigin,
  ): Promise<boolean> {
    const sql = this.#sql
    // Locks the wallet first, as putLimit() does. With the row first, the two could deadlock.
    const deleted = await sql`
      delete from limits l where wallet_id = (
          select lock_wallet(tenant, user_id) from wallets
          where tenant = ${who.tenant} and user_id = ${who.userId})
        and type = ${type} and currency = ${currency}
      returning ${noting(
        sql,
        origin,
        { deed: 'limit_delete', userId: who.userId, asked: { type, currency } },
        { details: sql`jsonb_build_object('before', ${this.#limitJson})` },
      )}`
    return deleted.count > 0
  }

  /** Of the row `l`. */
  get #limitJson() {
    return this.#sql`jsonb_build_object('maxAmount', decimal_of(l.max_amount, l.currency),
      'maxSum', decimal_of(l.max_sum, l.currency), 'windowSeconds', l.window_seconds)`
  }
}

export interface Page<T> {
  items: T[]
  /** Null on the last page. */
  nextCursor: string | null
}

/** Without the rows of the user who is one more than a page has. */
function toPage<T extends UserRef>(rows: T[], limit: number): Page<T> {
  const users = [...new Set(rows.map(({ userId }) => userId))]
  const next = users[limit]
  return {
    items: next === undefined ? rows : rows.filter(({ userId }) => userId !== next),
    nextCursor: next === undefined ? null : (users[limit - 1] ?? null),
  }
}

function toUsage(row: UsageRow): LimitUsage {
  return {
    type: row.type,
    currency: row.currency,
    maxAmount: minorOrNull(row.max_amount),
    maxSum: minorOrNull(row.max_sum),
    windowSeconds: row.window_seconds,
    used: minorOrNull(row.used),
    freesAmount: minorOrNull(row.frees_amount),
    freesAt: row.frees_at === null ? null : toIso(row.frees_at),
  }
}

function toMonitor(who: UserRef, row: MonitorRow): Monitor {
  return {
    tenant: who.tenant,
    userId: who.userId,
    id: row.id,
    currency: row.currency,
    threshold: BigInt(row.threshold),
    direction: row.direction,
    createdAt: toIso(row.created_at),
  }
}

function toLimit(tenant: string, row: LimitRow): SpendingLimit {
  return {
    tenant,
    userId: row.user_id,
    type: row.type,
    currency: row.currency,
    maxAmount: minorOrNull(row.max_amount),
    maxSum: minorOrNull(row.max_sum),
    windowSeconds: row.window_seconds,
    updatedAt: toIso(row.updated_at),
  }
}

const minorOrNull = (text: string | null): bigint | null => (text === null ? null : BigInt(text))
