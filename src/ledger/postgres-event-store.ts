import type { Sql } from '../postgres/database.ts'
import type { Balance, WalletState } from './balance.ts'
import type { ChangeLog } from './change-log.ts'
import type { Committed } from './command.ts'
import type { LedgerEvent, UserRef } from './event.ts'
import type { EventStore } from './event-store.ts'
import type { OutboxStore } from './outbox-store.ts'
import { PostgresReader } from './postgres-reader.ts'
import { type EventRow, toEvent } from './rows.ts'

/** What streams, the outbox and the cache read of the ledger. */
export class PostgresEventStore implements EventStore, OutboxStore, ChangeLog {
  readonly epoch: string
  readonly #sql: Sql
  readonly #reader: PostgresReader

  private constructor(sql: Sql, epoch: string) {
    this.#sql = sql
    this.epoch = epoch
    this.#reader = new PostgresReader(sql)
  }

  static async open(sql: Sql): Promise<PostgresEventStore> {
    const [row] = await sql<{ epoch: string }[]>`select epoch from meta`
    if (!row) throw new Error('the database has no epoch: it was not migrated')
    return new PostgresEventStore(sql, row.epoch)
  }

  balance(who: UserRef, currency: string): Promise<Balance> {
    return this.#reader.balance(who, currency)
  }

  async eventsAfter(
    who: UserRef,
    after: number,
    limit: number,
  ): Promise<{ head: number; events: LedgerEvent[] }> {
    const [row] = await this.#sql<{ head: string; events: EventRow[] | null }[]>`
      select w.seq as head, (
        select json_agg(e order by e.seq) from (
          select * from event_stream s
          where s.wallet_id = w.id and s.seq > page.after and s.seq <= page.after + ${limit}::bigint
          offset 0
        ) e
      ) as events
      from wallets w
      -- No seq is missing, so a page is a range: a limit would have the planner read the whole stream.
      cross join lateral (
        select greatest(${after}::bigint, min(seq) - 1) as after from events where wallet_id = w.id
      ) page
      where w.tenant = ${who.tenant} and w.user_id = ${who.userId}`
    return { head: Number(row?.head ?? 0), events: (row?.events ?? []).map(toEvent) }
  }

  async heads(whos: readonly UserRef[]): Promise<number[]> {
    const rows = await this.#sql<{ seq: string | null }[]>`
      select w.seq
      from rows from (
        json_to_recordset(${JSON.stringify(whos)}::text::json) as (tenant text, "userId" text)
      ) with ordinality as asked (tenant, user_id, place)
      left join wallets w on w.tenant = asked.tenant and w.user_id = asked.user_id
      order by asked.place`
    return rows.map((row) => Number(row.seq ?? 0))
  }

  async claim(limit: number, olderThanMs: number): Promise<Committed[]> {
    const rows = await this.#sql<{ outbox_id: string; events: EventRow[] | null }[]>`
      select outbox_id, events
      from outbox_claim(${limit}, make_interval(secs => ${olderThanMs / 1000}))`
    return rows.map((row) => ({
      outboxId: row.outbox_id,
      events: (row.events ?? []).map(toEvent),
    }))
  }

  async acknowledge(outboxIds: readonly string[]): Promise<void> {
    await this.#sql`select outbox_acknowledge(${`{${outboxIds.join()}}`}::text::bigint[])`
  }

  async changedWithin(
    withinSeconds: number,
    cursor: string | null,
    limit: number,
  ): Promise<{ wallets: WalletState[]; next: string | null }> {
    const rows = await this.#sql<
      {
        account_id: string
        tenant: string
        user_id: string
        currency: string
        balance: string
        seq: string
      }[]
    >`
      select s.account_id, s.tenant, s.user_id, s.currency, s.balance, w.seq
      from balance_snapshots s join wallets w on w.id = s.wallet_id
      where s.account_id > ${cursor ?? '0'}
        and s.updated_at > ledger_clock() - make_interval(secs => ${withinSeconds})
      order by s.account_id limit ${limit}`
    const last = rows.length === limit ? rows[rows.length - 1] : undefined
    return {
      wallets: rows.map((row) => ({
        tenant: row.tenant,
        userId: row.user_id,
        currency: row.currency,
        balance: BigInt(row.balance),
        seq: Number(row.seq),
      })),
      next: last?.account_id ?? null,
    }
  }
}
