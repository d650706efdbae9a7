import { allFulfilled, Batcher } from '../lib/batcher.ts'
import type { Sql } from '../postgres/database.ts'
import type { Balance, WalletState } from './balance.ts'
import type { Committed } from './command.ts'
import type { LedgerEvent, UserRef } from './event.ts'
import { Reader } from './reader.ts'
import { type EventRow, toEvent } from './rows.ts'

/** A part of a user's stream, and the newest seq at the same instant. */
export interface EventPage {
  head: number
  events: LedgerEvent[]
}

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
  eventsAfter(who: UserRef, after: number, limit: number): Promise<EventPage>
  /** The newest seq of each user, in the given order; 0 for an unknown user. One query for all. */
  heads(whos: readonly UserRef[]): Promise<number[]>
}

/** The holds that a service opened for users, as its stream reads them. */
export interface HoldStore {
  readonly epoch: string
  /**
   * The open holds of a service that are exhausted or expire soon, as events with the figures of now, at most `limit`
   * holds after `cursor` (null: from the start). `next` is null on the last page.
   */
  toldHolds(
    service: UserRef,
    cursor: string | null,
    limit: number,
  ): Promise<{ events: LedgerEvent[]; next: string | null }>
}

/** Commits whose events are not known to be published. Rows are found by existence, never by cursor. */
export interface OutboxStore {
  /**
   * The oldest rows that nobody wrote or claimed within the last `olderThanMs`, at most `limit`, and
   * claims them: another claimer skips them (SKIP LOCKED) until as much time has passed again.
   */
  claim(limit: number, olderThanMs: number): Promise<Committed[]>
  /**
   * Deletes the rows. Returns how many of them it left to webhooks: none, if there is no endpoint. Unknown ids are no
   * error, because another process may have deleted them.
   */
  acknowledge(outboxIds: readonly string[]): Promise<number>
}

/** For a cache that may be out of date after a failure of Redis. */
export interface ChangeLog {
  /**
   * Of the `limit` wallets (per currency) after `cursor` (null: from the start), in a fixed order, those that got an event
   * within the last `withinSeconds`. `next` is null on the last page.
   */
  changedWithin(
    withinSeconds: number,
    cursor: string | null,
    limit: number,
  ): Promise<{ wallets: WalletState[]; next: string | null }>
}

/** Connections that begin together are read together: so many in a statement, */
const MOST_STARTS = 200

/** with at most so many events. */
const MOST_EVENTS = 4_000

/** Statements of one kind under way, so that a storm of connections leaves sessions to requests. */
const STARTS_IN_FLIGHT = 2

/** In a storm, connections wait for so long to be read together. A single one does not wait. */
const GATHER_MS = 40

interface PageAsked {
  who: UserRef
  after: number
  limit: number
}

/** The outbox is counted up to this number of rows. */
const MOST_COUNTED = 10_000

/** Identifies the database. Ids of events begin with it. */
export async function epochOf(sql: Sql): Promise<string> {
  const [row] = await sql<{ epoch: string }[]>`select epoch from meta`
  if (!row) throw new Error('the database has no epoch: it was not migrated')
  return row.epoch
}

/** The ledger as streams, the outbox and the cache read it. */
export class PostgresEventStore implements EventStore, HoldStore, OutboxStore, ChangeLog {
  readonly epoch: string
  readonly #sql: Sql
  readonly #reader: Reader
  readonly #balances: Batcher<{ who: UserRef; currency: string }, Balance | undefined>
  readonly #pages: Batcher<PageAsked, EventPage>

  /** @param epoch see `epochOf` */
  constructor(sql: Sql, epoch: string) {
    this.#sql = sql
    this.epoch = epoch
    this.#reader = new Reader(sql)
    const bounds = { size: MOST_STARTS, inFlight: STARTS_IN_FLIGHT, gatherMs: GATHER_MS }
    this.#balances = new Batcher(
      async (asked) => allFulfilled(await this.#reader.knownBalances(asked)),
      bounds,
    )
    this.#pages = new Batcher(async (asked) => allFulfilled(await this.#readPages(asked)), bounds)
  }

  static async open(sql: Sql): Promise<PostgresEventStore> {
    return new PostgresEventStore(sql, await epochOf(sql))
  }

  async balance(who: UserRef, currency: string): Promise<Balance> {
    const known = await this.#balances.add({ who, currency })
    // Opening a wallet may wait for a transaction that has opened it. It must not keep the others waiting.
    return known ?? (await this.#reader.balance(who, currency))
  }

  eventsAfter(who: UserRef, after: number, limit: number): Promise<EventPage> {
    return this.#pages.add({ who, after, limit })
  }

  async #readPages(asked: readonly PageAsked[]): Promise<EventPage[]> {
    const pages: EventPage[] = []
    while (pages.length < asked.length) {
      const rest = asked.slice(pages.length)
      let events = 0
      const end = rest.findIndex(({ limit }) => {
        events += limit
        return events > MOST_EVENTS
      })
      pages.push(...(await this.#readSome(end === -1 ? rest : rest.slice(0, Math.max(1, end)))))
    }
    return pages
  }

  async #readSome(asked: readonly PageAsked[]): Promise<EventPage[]> {
    const users = asked.map(({ who, after, limit }) => ({
      ...{ tenant: who.tenant, user_id: who.userId, after, size: limit },
    }))
    const rows = await this.#sql<{ head: string | null; events: EventRow[] | null }[]>`
      select w.seq as head, (
        select json_agg(e order by e.seq) from (
          select * from stream_between(w.id, page.after, page.after + asked.size) offset 0
        ) e
      ) as events
      from rows from (
        json_to_recordset(${JSON.stringify(users)}::text::json)
          as (tenant text, user_id text, after bigint, size bigint)
      ) with ordinality as asked (tenant, user_id, after, size, place)
      -- The planner takes any JSON for 100 rows, and would read every wallet. With offset 0 it looks up each one.
      left join lateral (
        select id, seq from wallets where tenant = asked.tenant and user_id = asked.user_id offset 0
      ) w on true
      -- No seq is missing, so a page is a range: a limit would have the planner read the whole stream.
      left join lateral (
        select greatest(asked.after, r.seq - cardinality(r.events)) as after from event_rows r
        where r.wallet_id = w.id and r.seq > asked.after order by r.seq limit 1
      ) page on true
      order by asked.place`
    return rows.map(({ head, events }) => ({
      head: Number(head ?? 0),
      events: (events ?? []).map(toEvent),
    }))
  }

  async heads(whos: readonly UserRef[]): Promise<number[]> {
    const rows = await this.#sql<{ seq: string | null }[]>`
      select w.seq
      from rows from (
        json_to_recordset(${JSON.stringify(whos)}::text::json) as (tenant text, "userId" text)
      ) with ordinality as asked (tenant, user_id, place)
      left join lateral (
        select seq from wallets where tenant = asked.tenant and user_id = asked.user_id offset 0
      ) w on true
      order by asked.place`
    return rows.map((row) => Number(row.seq ?? 0))
  }

  async toldHolds(
    { tenant, userId }: UserRef,
    cursor: string | null,
    limit: number,
  ): Promise<{ events: LedgerEvent[]; next: string | null }> {
    const rows = await this.#sql<{ events: EventRow[] }[]>`
      select json_agg(json_build_object(
        'tenant', t.tenant, 'user_id', t.user_id, 'seq', told.seq, 'event', told.event, 'currency', t.currency,
        'new_balance', s.balance, 'previous_balance', null, 'transaction_id', t.id, 'transaction_type', t.type,
        'status', t.status, 'amount', t.amount, 'traceparent', null, 'created_at', t.updated_at,
        'details', json_build_object(
          'held', s.held, 'available', s.balance - s.held, 'heldAmount', abs(t.amount),
          'capturedAmount', (t.hold_state).captured, 'remaining', abs(t.amount) - (t.hold_state).captured,
          'overage', (t.hold_state).overage, 'service', t.created_by,
          'expiresAt', to_char(t.expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        ) order by told.seq) as events
      from transactions t
      join balance_snapshots s on s.wallet_id = t.wallet_id and s.currency = t.currency
      cross join lateral (values
        ('hold_exhausted', (t.hold_state).exhausted_seq), ('hold_expiring', (t.hold_state).expiring_seq)
      ) as told (event, seq)
      where t.tenant = ${tenant} and t.created_by = ${userId} and t.created_by <> t.user_id
        and t.status = 'pending' and t.type = 'hold'
        and ((t.hold_state).exhausted_seq is not null or (t.hold_state).expiring_seq is not null)
        and t.id > ${cursor ?? '00000000-0000-0000-0000-000000000000'}::uuid and told.seq is not null
      group by t.id order by t.id limit ${limit}`
    const last = rows.length === limit ? rows[rows.length - 1]?.events[0] : undefined
    return {
      events: rows.flatMap(({ events }) => events.map(toEvent)),
      next: last?.transaction_id ?? null,
    }
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

  async acknowledge(outboxIds: readonly string[]): Promise<number> {
    const [row] = await this.#sql<{ left: number }[]>`
      select outbox_acknowledge(${`{${outboxIds.join()}}`}::text::bigint[]) as left`
    return row?.left ?? 0
  }

  async changedWithin(
    withinSeconds: number,
    cursor: string | null,
    limit: number,
  ): Promise<{ wallets: WalletState[]; next: string | null }> {
    const rows = await this.#sql<
      {
        looked: number
        last: string | null
        tenant: string | null
        user_id: string
        currency: string
        balance: string
        seq: string
      }[]
    >`
      with looked as materialized (
        select account_id, wallet_id, tenant, user_id, currency, balance from balance_snapshots
        where account_id > ${cursor ?? '0'} order by account_id limit ${limit}
      ), changed as (
        select s.tenant, s.user_id, s.currency, s.balance, w.seq
        from looked s join wallets w on w.id = s.wallet_id
        where w.changed_at > ledger_clock() - make_interval(secs => ${withinSeconds})
          -- Of a tenant that moved, another database has the newest balance.
          and not exists (select from tenant_homes h where h.tenant = s.tenant and not h.here)
      )
      select page.looked, page.last, changed.*
      from (select count(*)::int as looked, max(account_id) as last from looked) as page
      left join changed on true`
    const [page] = rows
    return {
      wallets: rows.flatMap(({ tenant, user_id, currency, balance, seq }) =>
        tenant === null
          ? []
          : [{ tenant, userId: user_id, currency, balance: BigInt(balance), seq: Number(seq) }],
      ),
      next: page?.looked === limit ? page.last : null,
    }
  }

  async backlog() {
    const [row] = await this.#sql<{ rows: number; oldest: number }[]>`
      select (select count(*)::int from (select from outbox limit ${MOST_COUNTED}) counted) as rows,
        coalesce(extract(epoch from ledger_clock() - (
          select min(e.created_at)
          from (select wallet_ids, after_seqs, last_seqs from outbox order by id limit 1) o
          cross join unnest(o.wallet_ids, o.after_seqs, o.last_seqs) as p (wallet_id, seq, last)
          cross join lateral events_between(p.wallet_id, p.seq, p.seq + 1) e
          where p.seq < p.last
        )), 0)::float8 as oldest`
    return { rows: row?.rows ?? 0, oldestSeconds: Math.max(0, row?.oldest ?? 0) }
  }
}
