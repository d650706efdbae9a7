import type { Sql } from '../postgres/database.ts'
import type { Committed } from './command.ts'
import type { DeedOrigin } from './deed.ts'
import { noting } from './deeds.ts'
import type { UserRef } from './event.ts'
import type { Freeze, FreezeHistory } from './freeze.ts'
import { type EventRow, toEvent, toIso } from './rows.ts'

interface FreezeRow extends Freeze {
  seq: string
  reason: string | null
  changed_by: string
  changed_at: string
}

/** Changes that `history` reads. */
const HISTORY = 100

export interface FreezesOptions {
  /** Of the events, which name one as every event does: the same for all, or by tenant. */
  currency: string | ((tenant: string) => string)
  /** Called after each commit that has events, as by the executor. */
  onCommitted?: (committed: Committed) => Promise<void>
}

/** Freezes wallets. The ledger refuses what is frozen: sql/functions/rules/check_freeze.sql. */
export class Freezes {
  readonly #sql: Sql
  readonly #currencyOf: (tenant: string) => string
  readonly #onCommitted: (committed: Committed) => Promise<void>

  constructor(sql: Sql, { currency, onCommitted }: FreezesOptions) {
    this.#sql = sql
    this.#currencyOf = typeof currency === 'string' ? () => currency : currency
    this.#onCommitted = onCommitted ?? (() => Promise.resolve())
  }

  /**
   * Replaces what is frozen of a wallet. The same freeze again changes nothing.
   * @returns false if the ledger does not know the user
   */
  async set(
    who: UserRef,
    { debits, credits, reason, by }: Freeze & { reason: string | null; by: string },
    origin?: DeedOrigin,
  ): Promise<boolean> {
    const sql = this.#sql
    const [row] = await sql<{ events: EventRow[] | null; outbox_id: string | null }[]>`
      select events, outbox_id, ${noting(
        sql,
        origin,
        {
          deed: 'wallet_freeze',
          userId: who.userId,
          asked: { debits, credits, ...(reason !== null && { reason }) },
        },
        {
          details: sql`jsonb_build_object('before', (
            select jsonb_build_object('debits', coalesce(f.debits, false), 'credits', coalesce(f.credits, false))
            from (select 1) as one left join freeze_of(wallet_of(${who.tenant}, ${who.userId})) as f on true))`,
        },
      )}
      from set_freeze(
        ${who.tenant}, ${who.userId}, ${this.#currencyOf(who.tenant)}, ${debits}, ${credits}, ${reason}, ${by})`
    if (row?.outbox_id) {
      const events = (row.events ?? []).map(toEvent)
      await this.#onCommitted({ outboxId: row.outbox_id, events })
    }
    return row !== undefined
  }

  /** Undefined if the ledger does not know the user. */
  async history(who: UserRef): Promise<FreezeHistory | undefined> {
    const [wallet] = await this.#sql<{ changes: FreezeRow[] }[]>`
      select coalesce((
        select json_agg(change) from (
          select seq::text, debits, credits, reason, changed_by, changed_at from freezes
          where wallet_id = w.id order by freezes.seq desc limit ${HISTORY}
        ) as change), '[]') as changes
      from wallets w where w.tenant = ${who.tenant} and w.user_id = ${who.userId}`
    return wallet?.changes.map((row) => ({
      seq: Number(row.seq),
      debits: row.debits,
      credits: row.credits,
      reason: row.reason,
      changedBy: row.changed_by,
      changedAt: toIso(row.changed_at),
    }))
  }
}
