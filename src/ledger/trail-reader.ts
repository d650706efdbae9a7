import type { Sql } from '../postgres/database.ts'
import type { LedgerEvent } from './event.ts'
import { type TransactionRow, toIso, toTransaction } from './rows.ts'
import type { EntryAccount, Trail, TrailEntry, TrailEvent } from './trail.ts'

/** Rows that are looked at from each end of a transaction's time. It normally has its own at the ends. */
const WALKED = 20_000

/** After every version and every seq. */
const NEVER = String(2n ** 63n - 1n)

/** Refunds of a payment, and the other sides of transfers and splits. */
const MOST_RELATED = 50

/**
 * Entries and events have no index by transaction, which every payment would pay for. They are found by the wallet and
 * the time of the transaction: each was written when it was opened, or when it was last changed. While it waits, it has no entry.
 */
export async function readTrail(sql: Sql, tenant: string, id: string): Promise<Trail | undefined> {
  const [found] = await sql<{ json: TransactionRow; wallet_id: string; created_by: string }[]>`
    select to_json(t) as json, t.wallet_id, t.created_by from transactions t
    where tenant = ${tenant} and id = ${id}`
  if (!found) return undefined
  const { json, wallet_id: wallet } = found
  const [entries, events, related] = await Promise.all([
    readEntries(sql, tenant, id),
    readEvents(sql, tenant, id, wallet),
    sql<{ json: TransactionRow }[]>`
      select to_json(t) as json from transactions t
      where tenant = ${tenant} and id <> ${id} and (reference_id = ${id} or id = ${referred(json.reference_id)})
      order by id desc limit ${MOST_RELATED}`,
  ])
  return {
    transaction: toTransaction(json),
    createdBy: found.created_by,
    entries,
    events,
    related: related.map(({ json }) => toTransaction(json)),
  }
}

/** The transaction that a refund or the other side of a transfer refers to. */
const referred = (reference: string | null) =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(reference ?? '') ? reference : null

interface EntryRow {
  version: number
  debit: EntryAccount
  credit: EntryAccount
  amount: string
  previous_balance: string
  new_balance: string
  created_at: string
  hash: string
  fits: boolean
}

async function readEntries(sql: Sql, tenant: string, id: string): Promise<TrailEntry[]> {
  const side = (name: 'debit' | 'credit') => sql`(
    select json_build_object('kind', a.kind, 'userId', w.user_id)
    from accounts a left join wallets w on w.id = a.wallet_id
    where a.id = ${name === 'debit' ? sql`e.debit_account` : sql`e.credit_account`})`
  const rows = await sql<EntryRow[]>`
    with txn as materialized (
      select a.id as account, first_version_at(a.id, t.created_at) as first, case
          when exists (select from clock_steps where account_id = a.id and version > 1) then ${NEVER}::bigint
          else first_version_at(a.id, t.updated_at + interval '1 microsecond')
        end as past
      from transactions t join accounts a on a.wallet_id = t.wallet_id and a.currency = t.currency
      where t.tenant = ${tenant} and t.id = ${id} and t.status <> 'pending'
    ), walked as (
      (select e.* from txn, lateral (
        select * from entries where account_id = txn.account and version >= txn.first and version < txn.past
        order by version limit ${WALKED}) e)
      union all
      (select e.* from txn, lateral (
        select * from entries where account_id = txn.account and version >= txn.first and version < txn.past
        order by version desc limit ${WALKED}) e)
    )
    select distinct on (e.version) e.version::float8 as version, ${side('debit')} as debit, ${side('credit')} as credit,
      e.amount, e.previous_balance, e.new_balance, to_json(e.created_at) #>> '{}' as created_at,
      encode(e.hash, 'hex') as hash,
      e.hash = entry_hash(coalesce(before.hash, ''), e.account_id, e.version, e.transaction_id, e.debit_account,
        e.credit_account, e.amount, e.previous_balance, e.new_balance, e.created_at) as fits
    from walked e
    left join entries before on before.account_id = e.account_id and before.version = e.version - 1
    where e.transaction_id = ${id}
    order by e.version`
  return rows.map((row) => ({
    ...{ version: row.version, debit: row.debit, credit: row.credit },
    ...{ amount: BigInt(row.amount), previousBalance: BigInt(row.previous_balance) },
    ...{ newBalance: BigInt(row.new_balance), createdAt: toIso(row.created_at) },
    ...{ hash: row.hash, fits: row.fits },
  }))
}

interface TrailEventRow {
  seq: number
  event: LedgerEvent['event']
  new_balance: string
  created_at: string
}

async function readEvents(
  sql: Sql,
  tenant: string,
  id: string,
  wallet: string,
): Promise<TrailEvent[]> {
  const rows = await sql<TrailEventRow[]>`
    with txn as materialized (
      select (t.hold_state).*, first_seq_at(t.wallet_id, t.created_at) as first, case
          when exists (
            select from clock_steps s join accounts a on a.id = s.account_id where a.wallet_id = t.wallet_id and s.version > 1
          ) then ${NEVER}::bigint
          else first_seq_at(t.wallet_id, t.updated_at + interval '1 microsecond')
        end as past
      from transactions t where t.tenant = ${tenant} and t.id = ${id}
    ), walked as (
      (select e.* from txn, lateral (
        select * from event_rows where wallet_id = ${wallet} and seq >= txn.first and seq < txn.past
        order by seq limit ${WALKED}) e)
      union all
      (select e.* from txn, lateral (
        select * from event_rows where wallet_id = ${wallet} and seq >= txn.first and seq < txn.past
        order by seq desc limit ${WALKED}) e)
      union all
      -- The warnings of a hold change nothing else of it.
      (select e.* from txn join event_rows e on e.wallet_id = ${wallet} and e.seq in (txn.exhausted_seq, txn.expiring_seq))
    ), found as (
      select distinct on (seq) * from walked where transaction_id = ${id} order by seq
    )
    select (f.seq - cardinality(f.events) + told.place)::float8 as seq, told.event, f.new_balance,
      to_json(f.created_at) #>> '{}' as created_at
    from found f cross join lateral unnest(f.events) with ordinality as told (event, place)
    order by 1`
  return rows.map((row) => ({
    ...{ seq: row.seq, event: row.event, newBalance: BigInt(row.new_balance) },
    createdAt: toIso(row.created_at),
  }))
}
