import type { Sql } from '../postgres/database.ts'
import { quoted, rowsOf } from './move-copy.ts'
import { closeSites, livesAt, MoveError, openSites, type Place, type Site } from './move-state.ts'
import { liftFences } from './move-steps.ts'
import { MOVED_TABLES, type MovedTable } from './moved-tables.ts'

export interface PurgeOptions {
  tenant: string
  /** All databases that are known, the main one first. */
  places: readonly Place[]
  /** Called with the name of each database before its rows are removed. */
  onPurge?(database: string): void
}

export interface Purged {
  home: string
  databases: { database: string; rows: number }[]
}

/**
 * Removes what a tenant left in databases that it moved away from. It may be repeated, and goes on where it was stopped.
 * The deeds stay: they are never deleted, and lists join them by id.
 * @throws MoveError if the tenant is not known to live elsewhere, or lacks there an entry that would be removed here
 */
export async function purgeTenant({ tenant, places, onPurge }: PurgeOptions): Promise<Purged> {
  const sites = await openSites(tenant, places)
  try {
    const home = sites.find(livesAt)
    const left = sites.filter(({ move }) => move?.direction === 'away' && !move.purged)
    if (!home) {
      throw new MoveError('under_way', `${tenant} has not arrived in another database yet`)
    }
    if (left.length === 0) {
      throw new MoveError('nothing_left', `${tenant} has left no rows in a database known here`)
    }
    const databases: Purged['databases'] = []
    for (const site of left) {
      if (!site.move?.switched || site.here !== false) {
        throw new MoveError('under_way', `the move of ${tenant} from ${site.name} has not ended`)
      }
      await ensureKept(tenant, site, home)
      onPurge?.(site.name)
      databases.push({ database: site.name, rows: await purge(tenant, site) })
    }
    return { home: home.name, databases }
  } finally {
    await closeSites(sites)
  }
}

/** Accounts that are compared at a time. */
const ACCOUNTS_PER_STEP = 1_000

/** The newest hash of a chain includes every entry before it, so the home has them all if it has that one. */
async function ensureKept(tenant: string, left: Site, home: Site): Promise<void> {
  for (let after = '0'; ; ) {
    const rows = await left.sql<{ account: string; version: string; hash: string }[]>`
      select account_id::text as account, version::text, encode(hash, 'hex') as hash
      from balance_snapshots where tenant = ${tenant} and account_id > ${after}::text::bigint
      order by account_id limit ${ACCOUNTS_PER_STEP}`
    const chains = JSON.stringify(rows.filter(({ version }) => version !== '0'))
    const [missing] = await home.sql<{ account: string }[]>`
      select l.account::text from json_to_recordset(${chains}::text::json) as l (account bigint, version bigint, hash text)
      where not exists (
        select from entries e
        where e.account_id = l.account and e.version = l.version and e.hash = decode(l.hash, 'hex'))
      limit 1`
    if (missing) {
      throw new MoveError(
        'not_verified',
        `${home.name} lacks entries of the account ${missing.account} that are in ${left.name}: nothing was removed`,
      )
    }
    const last = rows.at(-1)
    if (!last || rows.length < ACCOUNTS_PER_STEP) return
    after = last.account
  }
}

/** Rows of a table, or wallets with all that is theirs, in one transaction. */
const ROWS_PER_STEP = 5_000
const WALLETS_PER_STEP = 100

/** These go wallet by wallet, in this order, so that each step finds its rows by index. */
const OF_WALLETS = ['transactions', 'balance_snapshots', 'accounts']

async function purge(tenant: string, { sql, move, isMain }: Site): Promise<number> {
  const id = move?.id ?? ''
  const literal = await quoted(sql, tenant)
  const gone = MOVED_TABLES.filter(({ stays }) => !stays).toReversed()
  const byWallet = gone.filter(({ by }) => by === 'wallet' || by === 'account')
  const others = gone.filter(
    ({ name, by }) =>
      ['tenant', 'endpoint'].includes(by) && ![...OF_WALLETS, 'wallets'].includes(name),
  )
  let rows = 0
  for (const table of others) rows += await removeRows(sql, id, table, literal)
  for (;;) {
    const [step, wallets] = await removeWallets(sql, id, byWallet, tenant)
    rows += step
    if (wallets === 0) break
  }
  // The house's own.
  const accounts = MOVED_TABLES.find(({ name }) => name === 'accounts') as MovedTable
  rows += await removeRows(sql, id, accounts, literal)
  await liftFences(sql, tenant)
  // The main database keeps the settings of all tenants.
  if (!isMain) await sql`delete from tenants where tenant = ${tenant}`
  await sql`update tenant_moves set purged_at = clock_timestamp() where tenant = ${tenant}`
  return rows
}

/** Tells the triggers that the rows are those which a tenant left. */
function inPurge<T>(sql: Sql, id: string, work: (tx: Sql) => Promise<T>): Promise<T> {
  return sql.begin(async (tx) => {
    await tx`select set_config('livebalance.moving', ${id}, true)`
    return work(tx as unknown as Sql)
  }) as Promise<T>
}

async function removeRows(
  sql: Sql,
  id: string,
  table: MovedTable,
  literal: string,
): Promise<number> {
  const { also: _, ...own } = table
  let rows = 0
  for (;;) {
    const { count } = await inPurge(sql, id, (tx) =>
      tx.unsafe(
        `delete from ${table.name} where ctid = any (array(
           select t.ctid from ${table.name} t where ${rowsOf(own, literal)} limit ${ROWS_PER_STEP}))`,
      ),
    )
    rows += count
    if (count < ROWS_PER_STEP) return rows
  }
}

/** @returns how many rows and how many wallets were removed */
function removeWallets(
  sql: Sql,
  id: string,
  tables: readonly MovedTable[],
  tenant: string,
): Promise<[number, number]> {
  return inPurge(sql, id, async (tx) => {
    const found = await tx<{ id: string }[]>`
      select id::text from wallets where tenant = ${tenant} order by id limit ${WALLETS_PER_STEP}`
    const wallets = JSON.stringify(found.map((wallet) => wallet.id))
    const list = 'array(select value::bigint from json_array_elements_text($1::text::json))'
    let rows = 0
    for (const { name, by } of tables) {
      const where =
        by === 'wallet'
          ? `wallet_id = any (${list})`
          : `account_id = any (array(select account_id from balance_snapshots where wallet_id = any (${list})))`
      rows += (await tx.unsafe(`delete from ${name} where ${where}`, [wallets])).count
    }
    for (const name of OF_WALLETS) {
      const where = `wallet_id = any (${list})`
      rows += (await tx.unsafe(`delete from ${name} where ${where}`, [wallets])).count
    }
    rows += (await tx.unsafe(`delete from wallets where id = any (${list})`, [wallets])).count
    return [rows, found.length]
  })
}
