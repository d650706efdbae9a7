import type { Sql } from '../postgres/database.ts'
import type { LimitedType } from './command.ts'
import type { UserRef } from './event.ts'
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

  async putMonitor(monitor: Omit<Monitor, 'id' | 'createdAt'>): Promise<Monitor | undefined> {
    const { tenant, userId, currency, threshold, direction } = monitor
    const [row] = await this.#sql<MonitorRow[]>`
      select id, currency, threshold, direction, to_json(created_at) #>> '{}' as created_at
      from put_monitor(${tenant}, ${userId}, ${currency}, ${threshold.toString()}, ${direction},
        ${MONITORS_PER_USER})`
    return row && toMonitor(monitor, row)
  }

  async deleteMonitors(who: UserRef, id?: string): Promise<number> {
    const [row] = await this.#sql<{ deleted: number }[]>`
      select delete_monitors(${who.tenant}, ${who.userId}, ${id ?? null}) as deleted`
    return row?.deleted ?? 0
  }

  async limits(tenant: string, userId?: string): Promise<SpendingLimit[]> {
    const sql = this.#sql
    const rows = await sql<LimitRow[]>`
      select w.user_id, l.type, l.currency, l.max_amount, l.max_sum, l.window_seconds,
        to_json(l.updated_at) #>> '{}' as updated_at
      from limits l join wallets w on w.id = l.wallet_id
      where w.tenant = ${tenant} ${userId === undefined ? sql`` : sql`and w.user_id = ${userId}`}
      order by w.user_id, l.type, l.currency`
    return rows.map((row) => toLimit(tenant, row))
  }

  async putLimit(limit: Omit<SpendingLimit, 'updatedAt'>): Promise<SpendingLimit> {
    const { tenant, userId, type, currency, maxAmount, maxSum, windowSeconds } = limit
    const [row] = await this.#sql<LimitRow[]>`
      with wallet as (select lock_wallet(${tenant}, ${userId}) as id)
      insert into limits (wallet_id, type, currency, max_amount, max_sum, window_seconds)
      select id, ${type}, ${currency}, ${maxAmount?.toString() ?? null}::bigint,
        ${maxSum?.toString() ?? null}::bigint, ${windowSeconds}::integer
      from wallet
      on conflict (wallet_id, type, currency) do update set
        max_amount = excluded.max_amount, max_sum = excluded.max_sum,
        window_seconds = excluded.window_seconds, updated_at = clock_timestamp()
      returning ${userId} as user_id, type, currency, max_amount, max_sum, window_seconds,
        to_json(updated_at) #>> '{}' as updated_at`
    if (!row) throw new Error('the limit was not written')
    return toLimit(tenant, row)
  }

  async deleteLimit(who: UserRef, type: LimitedType, currency: string): Promise<boolean> {
    // Locks the wallet first, as putLimit() does. With the row first, the two could deadlock.
    const deleted = await this.#sql`
      delete from limits where wallet_id = (
          select lock_wallet(tenant, user_id) from wallets
          where tenant = ${who.tenant} and user_id = ${who.userId})
        and type = ${type} and currency = ${currency}`
    return deleted.count > 0
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
    maxAmount: row.max_amount === null ? null : BigInt(row.max_amount),
    maxSum: row.max_sum === null ? null : BigInt(row.max_sum),
    windowSeconds: row.window_seconds,
    updatedAt: toIso(row.updated_at),
  }
}
