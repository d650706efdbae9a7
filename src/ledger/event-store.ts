import type { Sql } from '../postgres/database.ts'
import type { Balance, WalletState } from './balance.ts'
import type { Committed } from './command.ts'
import type { LedgerEvent, UserRef } from './event.ts'
import { Reader } from './reader.ts'
import { type EventRow, toEvent } from './rows.ts'

/** The ledger as streams read it to resume and to repair: from Postgres, never from a cache. */
export interface EventStore {
  /** Identifies the database. Ids of events begin with it. */
  readonly epoch: string
  /** The balance in `currency`; zeros and seq 0 for a user who has no wallet yet. */
  balance(who: UserRef, currency: string): Promise<Balance>
  /**
   * The user's events with `after < seq`, in order, at most `limit`. `head` is the newest seq at the
   * same instant. When the first one's seq is not `after + 1`, older ones were pruned.
   */
  eventsAfter(
    who: UserRef,
    after: number,
    limit: number,
  ): Promise<{ head: number; events: LedgerEvent[] }>
  /** The newest seq of each user, in the given order; 0 for an unknown user. One query for all. */
  heads(whos: readonly UserRef[]): Promise<number[]>
}

/** Commits whose events are not known to be published. Rows are found by existence, never by cursor. */
export interface OutboxStore {
  /**
   * The oldest rows that nobody wrote or claimed within the last `olderThanMs`, at most `limit`, and
   * claims them: another claimer skips them (SKIP LOCKED) until as much time has passed again.
   */
  claim(limit: number, olderThanMs: number): Promise<Committed[]>
  /** Deletes the rows. Unknown ids are no error, because another process may have deleted them. */
  acknowledge(outboxIds: readonly string[]): Promise<void>
}

/** For a cache that may be out of date after a failure of Redis. */
export interface ChangeLog {
  /**
   * The wallets (per currency) whose balance changed within the last `withinSeconds`, at most `limit`
   * after `cursor` (null: from the start), in a fixed order. `next` is null on the last page.
   */
  changedWithin(
    withinSeconds: number,
    cursor: string | null,
    limit: number,
  ): Promise<{ wallets: WalletState[]; next: string | null }>
}

/** The outbox is counted up to this number of rows. */
const MOST_COUNTED = 10_000

/** The ledger as streams, the outbox and the cache read it. */
export class PostgresEventStore implements EventStore, OutboxStore, ChangeLog {
  readonly epoch: string
  readonly #sql: Sql
  readonly #reader: Reader

  private constructor(sql: Sql, epoch: string) {
    this.#sql = sql
    this.epoch = epoch
    this.#reader = new Reader(sql)
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

  async backlog() {
    const [row] = await this.#sql<{ rows: number; oldest: number }[]>`
      select (select count(*)::int from (select from outbox limit ${MOST_COUNTED}) counted) as rows,
        coalesce(extract(epoch from ledger_clock() - (
          select min(e.created_at)
          from (select wallet_ids, after_seqs, last_seqs from outbox order by id limit 1) o
          cross join unnest(o.wallet_ids, o.after_seqs, o.last_seqs) as p (wallet_id, seq, last)
          join events e on e.wallet_id = p.wallet_id and e.seq = p.seq + 1
          where p.seq < p.last
        )), 0)::float8 as oldest`
    return { rows: row?.rows ?? 0, oldestSeconds: Math.max(0, row?.oldest ?? 0) }
  }
}
