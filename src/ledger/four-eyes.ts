import type { Sql } from '../postgres/database.ts'
import type { DeedOrigin } from './deed.ts'
import { noting } from './deeds.ts'
import { toIso } from './rows.ts'

/** From which amount on two admins of a tenant must agree. */
export interface FourEyesRule {
  currency: string
  /** Minor units: above it. Null: one admin is enough. */
  amount: bigint | null
}

export interface FourEyesState extends FourEyesRule {
  /** Who asked for it, and the second admin, if one had to agree. Null if there was never a rule. */
  askedBy: string | null
  secondedBy: string | null
  /** ISO 8601. */
  changedAt: string | null
  /** A change that waits for another admin. */
  proposal?: { amount: bigint | null; askedBy: string; askedAt: string }
}

interface FourEyesRow {
  currency: string
  amount: string | null
  asked_by: string | null
  seconded_by: string | null
  changed_at: string | null
  proposed: { amount: string | null; asked_by: string; changed_at: string } | null
}

/** Stores the amounts above which two admins must agree: sql/functions/rules/need_second_admin.sql. */
export class FourEyes {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** In order of currency: each that has a rule, had one, or waits for one. */
  async state(tenant: string): Promise<FourEyesState[]> {
    const rows = await this.#sql<FourEyesRow[]>`
      select newest.currency, rule.amount::text, rule.asked_by, rule.seconded_by,
        to_json(rule.changed_at) #>> '{}' as changed_at,
        case when not newest.in_force then json_build_object('amount', newest.amount::text,
          'asked_by', newest.asked_by, 'changed_at', newest.changed_at) end as proposed
      from (
        select distinct on (currency) * from four_eyes where tenant = ${tenant}
        order by currency, id desc
      ) as newest
      left join lateral (
        select * from four_eyes where tenant = ${tenant} and currency = newest.currency and in_force
        order by id desc limit 1
      ) as rule on true
      order by newest.currency`
    return rows.map((row) => ({
      currency: row.currency,
      amount: row.amount === null ? null : BigInt(row.amount),
      askedBy: row.asked_by,
      secondedBy: row.seconded_by,
      changedAt: row.changed_at && toIso(row.changed_at),
      ...(row.proposed && {
        proposal: {
          amount: row.proposed.amount === null ? null : BigInt(row.proposed.amount),
          askedBy: row.proposed.asked_by,
          askedAt: toIso(row.proposed.changed_at),
        },
      }),
    }))
  }

  /** All together. A rule that would ask for a second admin less often waits until another admin asks for it too. */
  async set(
    tenant: string,
    rules: readonly FourEyesRule[],
    by: string,
    origin?: DeedOrigin,
  ): Promise<void> {
    const asked = rules.map(({ currency, amount }) => ({ currency, amount: amount?.toString() }))
    const sql = this.#sql
    await sql`
      select set_four_eyes(${tenant}, rule.currency, rule.amount, ${by}), ${noting(
        sql,
        origin,
        { deed: 'four_eyes_set' },
        {
          details: sql`jsonb_build_object(
            'asked', jsonb_build_object('currency', rule.currency, 'amount', decimal_of(rule.amount, rule.currency)),
            'before', (select jsonb_build_object('amount', decimal_of(f.amount, rule.currency))
              from (select 1) as one left join lateral (
                select amount from four_eyes
                where tenant = ${tenant} and currency = rule.currency and in_force order by id desc limit 1
              ) as f on true))`,
        },
      )}
      from json_to_recordset(${JSON.stringify(asked)}::text::json) as rule (currency text, amount bigint)`
  }
}
