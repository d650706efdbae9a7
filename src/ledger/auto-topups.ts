import type { Sql } from '../postgres/database.ts'
import type { Transaction } from './command.ts'
import type { DeedOrigin } from './deed.ts'
import { noting } from './deeds.ts'
import type { UserRef } from './event.ts'
import { toDecimal } from './money.ts'
import type { AppliedRows } from './provider-events.ts'
import { type TransactionRow, toIso, toTransaction } from './rows.ts'

/** Amounts are in minor units of `currency`. */
export interface AutoTopup {
  currency: string
  /** A topup is asked for when the balance is below this. */
  threshold: bigint
  amount: bigint
  /** The largest sum over any `periodSeconds`. What failed does not count. */
  cap: bigint
  periodSeconds: number
  status: 'active' | 'paused'
  /** Why it is paused, in the provider's words. */
  pausedReason: string | null
  updatedAt: string
}

/** A payment method of a customer that is stored at a provider. */
export interface StoredMethod {
  provider: string
  customer: string
  paymentMethod: string
}

/** A topup that is to be charged. */
export interface OpenedAutoTopup {
  topup: Transaction
  method: StoredMethod
}

/** A rule whose balance is below the threshold. */
export interface DueAutoTopup {
  wallet_id: string
  currency: string
}

interface RuleRow {
  currency: string
  threshold: number
  amount: number
  cap: number
  period_seconds: number
  status: AutoTopup['status']
  paused_reason: string | null
  updated_at: string
}

interface OpenedRow {
  topup: TransactionRow
  method: { provider: string; customer: string; payment_method: string }
}

interface UnansweredRow extends Omit<OpenedRow, 'method'> {
  method: OpenedRow['method'] | null
  opened_at: string
}

/** Stores auto top-ups, and finds what they have to do. */
export class AutoTopupStore {
  readonly #sql: Sql
  readonly #publish: (applied: AppliedRows) => Promise<void>

  /** @param publish called with what was committed */
  constructor(sql: Sql, publish: (applied: AppliedRows) => Promise<void> = async () => {}) {
    this.#sql = sql
    this.#publish = publish
  }

  async rules({ tenant, userId }: UserRef): Promise<AutoTopup[]> {
    const rows = await this.#sql<{ json: RuleRow }[]>`
      select to_json(r) as json from auto_topups r
      where r.wallet_id = wallet_of(${tenant}, ${userId}) order by r.currency`
    return rows.map(({ json }) => toRule(json))
  }

  /** Undefined: the user has no saved payment method. */
  async put(
    { tenant, userId }: UserRef,
    rule: Pick<AutoTopup, 'currency' | 'threshold' | 'amount' | 'cap' | 'periodSeconds'>,
    origin?: DeedOrigin,
  ): Promise<AutoTopup | undefined> {
    const { currency, threshold, amount, cap, periodSeconds } = rule
    const decimal = (minor: bigint) => toDecimal(minor, currency)
    const asked = {
      ...{ currency, periodSeconds, threshold: decimal(threshold) },
      ...{ amount: decimal(amount), cap: decimal(cap) },
    }
    const sql = this.#sql
    const [row] = await sql<{ json: RuleRow }[]>`
      select to_json(r) as json, ${noting(sql, origin, { deed: 'auto_topup_set', userId, asked })}
      from put_auto_topup(${tenant}, ${userId}, ${currency},
        ${threshold.toString()}, ${amount.toString()}, ${cap.toString()}, ${periodSeconds}) r`
    return row && toRule(row.json)
  }

  async remove(
    { tenant, userId }: UserRef,
    currency: string,
    origin?: DeedOrigin,
  ): Promise<boolean> {
    const sql = this.#sql
    const note = noting(sql, origin, { deed: 'auto_topup_delete', userId, asked: { currency } })
    const [row] = await sql<{ deleted: boolean }[]>`
      select deleted, case when deleted then ${note} end
      from delete_auto_topup(${tenant}, ${userId}, ${currency}) as deleted`
    return row?.deleted ?? false
  }

  async saveMethod(
    { tenant, userId }: UserRef,
    method: StoredMethod,
    by: string,
    origin?: DeedOrigin,
  ): Promise<void> {
    const sql = this.#sql
    const asked = { provider: method.provider, customer: method.customer }
    await sql`
      select save_method(${tenant}, ${userId}, ${method.provider}, ${method.customer},
        ${method.paymentMethod}, ${by}), ${noting(sql, origin, { deed: 'method_save', userId, asked })}`
  }

  async removeMethod({ tenant, userId }: UserRef, origin?: DeedOrigin): Promise<boolean> {
    const sql = this.#sql
    const [row] = await sql<{ deleted: boolean }[]>`
      select deleted, case when deleted then ${noting(sql, origin, { deed: 'method_delete', userId })} end
      from delete_method(${tenant}, ${userId}) as deleted`
    return row?.deleted ?? false
  }

  async hasMethod({ tenant, userId }: UserRef): Promise<boolean> {
    const [row] = await this.#sql<{ found: boolean }[]>`
      select exists (select from saved_methods where wallet_id = wallet_of(${tenant}, ${userId})) as found`
    return row?.found ?? false
  }

  /**
   * Rules whose balance is below the threshold, at most `limit`. Found by their state, so that no change is missed.
   * @param after only those that follow this one
   */
  due(limit: number, after?: DueAutoTopup) {
    const sql = this.#sql
    return sql<DueAutoTopup[]>`
      select r.wallet_id, r.currency from auto_topups r
      where r.status = 'active' and auto_topup_is_due(r)
        ${after ? sql`and (r.wallet_id, r.currency) > (${after.wallet_id}, ${after.currency})` : sql``}
      order by r.wallet_id, r.currency limit ${limit}`
  }

  /** Asks for the topup of a rule. Undefined: it is not due any more. */
  async open(walletId: string, currency: string): Promise<OpenedAutoTopup | undefined> {
    const [row] = await this.#sql<(OpenedRow & { applied: AppliedRows })[]>`
      select topup, method, applied from open_auto_topup(${walletId}, ${currency})`
    if (!row) return undefined
    await this.#publish(row.applied)
    return { topup: toTransaction(row.topup), method: toMethod(row.method) }
  }

  /**
   * Topups whose charge has had no answer for so long. They are this process's for as long again. Without a method: the
   * user had it forgotten, and the time in which the provider could report a success is over.
   */
  async unanswered(afterMs: number, limit: number) {
    const rows = await this.#sql<UnansweredRow[]>`
      select topup, method, to_json(opened_at) #>> '{}' as opened_at
      from retry_auto_topups(make_interval(secs => ${afterMs / 1000}), ${limit})`
    return rows.map(({ topup, method, opened_at }) => ({
      topup: toTransaction(topup),
      method: method && toMethod(method),
      openedAt: toIso(opened_at),
    }))
  }

  /**
   * Topups under way that are final, at most `limit`: a provider, an admin or their user settled them.
   * @param after only those that follow this one
   */
  settled(limit: number, after?: { tenant: string; id: string }) {
    const sql = this.#sql
    return sql<{ tenant: string; id: string }[]>`
      select r.tenant, r.topup_id as id from auto_topup_runs r
      join transactions t on t.tenant = r.tenant and t.id = r.topup_id
      where r.ended_at is null and t.status <> 'pending'
        ${after ? sql`and (r.tenant, r.topup_id) > (${after.tenant}, ${after.id})` : sql``}
      order by r.tenant, r.topup_id limit ${limit}`
  }

  async charged({ tenant, id }: { tenant: string; id: string }, paymentId: string): Promise<void> {
    await this.#sql`select charged_auto_topup(${tenant}, ${id}, ${paymentId})`
  }

  /** @param reason fails a topup that is still pending */
  async end({ tenant, id }: { tenant: string; id: string }, reason?: string): Promise<void> {
    const [row] = await this.#sql<{ applied: AppliedRows }[]>`
      select end_auto_topup(${tenant}, ${id}, ${reason ?? null}) as applied`
    if (row) await this.#publish(row.applied)
  }
}

function toRule(row: RuleRow): AutoTopup {
  return {
    currency: row.currency,
    threshold: BigInt(row.threshold),
    amount: BigInt(row.amount),
    cap: BigInt(row.cap),
    periodSeconds: row.period_seconds,
    status: row.status,
    pausedReason: row.paused_reason,
    updatedAt: toIso(row.updated_at),
  }
}

function toMethod({ provider, customer, payment_method }: OpenedRow['method']): StoredMethod {
  return { provider, customer, paymentMethod: payment_method }
}
