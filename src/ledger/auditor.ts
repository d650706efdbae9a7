import type { Sql } from '../postgres/database.ts'
import {
  type Audit,
  type AuditStep,
  AuditTally,
  type DiscrepancyRow,
  type RecalculationOfAll,
} from './audit.ts'
import type { WalletState } from './balance.ts'
import type { Committed } from './command.ts'
import type { DeedOrigin } from './deed.ts'
import { noting } from './deeds.ts'
import type { UserRef } from './event.ts'
import type { Claim } from './idempotency-store.ts'
import { type EventRow, toEvent } from './rows.ts'

/** Amounts in minor units of `currency`. */
export interface Verification {
  currency: string
  snapshotBalance: bigint
  /** The sum of the wallet's entries. */
  calculatedBalance: bigint
  isAccurate: boolean
}

/** Amounts in minor units. */
export interface Recalculation {
  previousBalance: bigint
  newBalance: bigint
  /** The snapshot was wrong: its balance, its held amount, or its newest entry. */
  corrected: boolean
}

/** At most `limit` wallets of the tenant (default all) after `cursor` (default the first). */
export interface RecalculationStretch {
  cursor?: string
  limit?: number
}

/**
 * Called before the first step of an audit and after each step, with the number of steps done and the total. If it
 * throws, the audit ends.
 */
export type AuditProgress = (done: number, of: number) => void

export interface AuditorOptions {
  /** Called after each commit that has events, as by the executor. */
  onCommitted?: (committed: Committed) => Promise<void>
  /** Called with wallets whose snapshot was right, so that a cache can be corrected too. */
  onVerified?: (wallets: WalletState[]) => Promise<void>
}

/** Wallets that one statement of an audit checks, all as of one instant. */
const WALLETS_PER_STEP = 500

/** Deeds that one statement of an audit checks. */
const DEEDS_PER_STEP = 5_000

/** Steps that run at once. Each keeps one core of the database busy. */
const CONCURRENT_STEPS = 2

/** Wallets that `recalculateAll` reads in one step. */
const RECALCULATED_PER_STEP = 500

/** Runs the checks of sql/functions/audit, and repairs snapshots. */
export class Auditor {
  readonly #sql: Sql
  readonly #onCommitted: (committed: Committed) => Promise<void>
  readonly #onVerified: (wallets: WalletState[]) => Promise<void>

  constructor(sql: Sql, options: AuditorOptions = {}) {
    this.#sql = sql
    this.#onCommitted = options.onCommitted ?? (() => Promise.resolve())
    this.#onVerified = options.onVerified ?? (() => Promise.resolve())
  }

  async verify(who: UserRef, currency: string): Promise<Verification | undefined> {
    const [row] = await this.#sql<{ snapshot_balance: string; calculated_balance: string }[]>`
      select * from verify_wallet(${who.tenant}, ${who.userId}, ${currency})`
    if (!row) return undefined
    const snapshotBalance = BigInt(row.snapshot_balance)
    const calculatedBalance = BigInt(row.calculated_balance)
    return {
      currency,
      snapshotBalance,
      calculatedBalance,
      isAccurate: snapshotBalance === calculatedBalance,
    }
  }

  /**
   * Works in steps, so that neither memory nor the duration of a statement grows with the ledger. Each wallet is
   * checked as of one instant, and a posting touches one wallet. So together the steps check the whole.
   */
  async audit(tenant: string, onStep: AuditProgress = () => {}): Promise<Audit> {
    const tally = new AuditTally()
    const stretches = await this.#stretches(tenant)
    const steps = stretches.length
    let walked = 0
    onStep(walked, steps)
    const left = stretches.values()
    const walk = async () => {
      for (const { after, until } of left) {
        for (let from: string | null = after; from !== null; ) {
          const step = await this.#step(tenant, from, until)
          tally.add(step)
          from = step.next
        }
        walked += 1
        onStep(walked, steps)
      }
    }
    await Promise.all(Array.from({ length: CONCURRENT_STEPS }, walk))
    tally.list(await this.#sql<DiscrepancyRow[]>`select problem, at from audit_orphans(${tenant})`)
    tally.list(
      await this.#sql<DiscrepancyRow[]>`select problem, currency, at from audit_ledger(${tenant})`,
    )
    tally.list(
      await this.#sql<DiscrepancyRow[]>`select problem, currency, at from audit_rollups(${tenant})`,
    )
    for (let after: string | null = '0'; after !== null; ) {
      const rows: readonly (DiscrepancyRow & { next: string | null })[] = await this.#sql<
        (DiscrepancyRow & { next: string | null })[]
      >`
        select problem, at, next from audit_deeds(${tenant}, ${after}, ${DEEDS_PER_STEP})`
      tally.list(rows.filter(({ next }) => next === null))
      after = rows.find(({ next }) => next !== null)?.next ?? null
    }
    return tally.audit()
  }

  /**
   * The accounts of a tenant in stretches. They have fixed bounds, because an account may become visible later and
   * must not push another one out of its stretch.
   */
  async #stretches(tenant: string): Promise<{ after: string; until: string | null }[]> {
    const rows = await this.#sql<{ account_id: string }[]>`
      select account_id from (
        select account_id, row_number() over (order by account_id) as place
        from balance_snapshots where tenant = ${tenant}
      ) as numbered
      where place % ${WALLETS_PER_STEP}::int = 0 order by account_id`
    const ends = rows.map((row) => row.account_id)
    return [...ends, null].map((until, i) => ({ after: ends[i - 1] ?? '0', until }))
  }

  async #step(tenant: string, after: string, until: string | null): Promise<AuditStep> {
    const limit = until === null ? WALLETS_PER_STEP : null
    const [step] = await this.#sql<AuditStep[]>`
      select * from audit_wallets(${tenant}, ${after}, ${limit}, ${until})`
    if (!step) throw new Error('audit_wallets() returned nothing')
    return step
  }

  async recalculate(
    who: UserRef,
    currency: string,
    claim?: Claim,
    origin?: DeedOrigin,
  ): Promise<Recalculation | undefined> {
    const sql = this.#sql
    const deed = { deed: 'recalculate', userId: who.userId, asked: { currency } } as const
    const after = sql`jsonb_build_object('after', jsonb_build_object('corrected', corrected,
      'previousBalance', decimal_of(previous_balance, ${currency}),
      'newBalance', decimal_of(new_balance, ${currency})))`
    const [row] = await sql<
      {
        previous_balance: string
        new_balance: string
        corrected: boolean
        events: EventRow[]
        outbox_id: string
      }[]
    >`
      select previous_balance, new_balance, corrected, events, outbox_id,
        ${noting(sql, origin, deed, { details: after })}
      from recalculate(${who.tenant}, ${who.userId}, ${currency},
        ${claim?.actor ?? null}, ${claim?.key ?? null}, ${claim?.id ?? null})`
    if (!row) return undefined
    await this.#onCommitted({ outboxId: row.outbox_id, events: row.events.map(toEvent) })
    return {
      previousBalance: BigInt(row.previous_balance),
      newBalance: BigInt(row.new_balance),
      corrected: row.corrected,
    }
  }

  async recalculateAll(
    tenant: string,
    { cursor = '0', limit = Number.POSITIVE_INFINITY }: RecalculationStretch = {},
    origin?: DeedOrigin,
  ): Promise<RecalculationOfAll> {
    let total = 0
    let corrected = 0
    for (let after = cursor; ; ) {
      const step = Math.min(RECALCULATED_PER_STEP, limit - total)
      const rows = await this.#sql<WalletRow[]>`
        select s.account_id, s.user_id, s.currency, s.balance, w.seq, is_accurate(s) as accurate
        from balance_snapshots s join wallets w on w.id = s.wallet_id
        where s.tenant = ${tenant} and s.account_id > ${after}
        order by s.account_id limit ${step}`
      for (const row of rows.filter(({ accurate }) => !accurate)) {
        const who = { tenant, userId: row.user_id }
        const done = await this.recalculate(who, row.currency, undefined, origin)
        if (done?.corrected) corrected += 1
      }
      await this.#onVerified(
        rows.filter(({ accurate }) => accurate).map((row) => toWalletState(tenant, row)),
      )
      total += rows.length
      const last = rows[rows.length - 1]
      if (!last || rows.length < step) return { total, corrected, nextCursor: null, remaining: 0 }
      after = last.account_id
      if (total < limit) continue
      const remaining = await this.#countAfter(tenant, after)
      return { total, corrected, nextCursor: remaining > 0 ? after : null, remaining }
    }
  }

  async #countAfter(tenant: string, accountId: string): Promise<number> {
    const [row] = await this.#sql<{ count: string }[]>`
      select count(*) from balance_snapshots where tenant = ${tenant} and account_id > ${accountId}`
    return Number(row?.count ?? 0)
  }
}

interface WalletRow {
  account_id: string
  user_id: string
  currency: string
  balance: string
  seq: string
  accurate: boolean
}

function toWalletState(tenant: string, row: WalletRow): WalletState {
  return {
    tenant,
    userId: row.user_id,
    currency: row.currency,
    balance: BigInt(row.balance),
    seq: Number(row.seq),
  }
}
