import type { Sql } from '../postgres/database.ts'
import type { Overview, WalletQuery, WalletSummary } from './overview.ts'
import { toIso } from './rows.ts'

/** Rows of the outbox that are counted: more than this is told as this. */
const MOST_COUNTED = 10_000

/** Reads across all users, for admins. */
export class PostgresOverview implements Overview {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async wallets({ tenant, currency, search = '', cursor = '', limit }: WalletQuery) {
    const rows = await this.#sql<
      {
        user_id: string
        balances: { currency: string; balance: string; held: string }[]
        updated_at: string
      }[]
    >`
      select w.user_id, coalesce(s.balances, '[]') as balances,
        to_json(coalesce(s.updated_at, w.created_at)) #>> '{}' as updated_at
      from wallets w
      cross join lateral (
        select max(updated_at) as updated_at, json_agg(json_build_object(
          'currency', currency, 'balance', balance::text, 'held', held::text
        ) order by currency) as balances
        from balance_snapshots where wallet_id = w.id
      ) s
      where w.tenant = ${tenant} and w.user_id > ${cursor}
        and strpos(lower(w.user_id), lower(${search})) > 0
      order by w.user_id limit ${limit + 1}`
    const items = rows.slice(0, limit).map((row): WalletSummary => {
      const balances = row.balances.map(({ currency, balance, held }) => ({
        currency,
        balance: BigInt(balance),
        held: BigInt(held),
      }))
      const { balance = 0n, held = 0n } = balances.find((one) => one.currency === currency) ?? {}
      const updatedAt = toIso(row.updated_at)
      return { userId: row.user_id, currency, balance, held, balances, updatedAt }
    })
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.userId ?? null) : null }
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
