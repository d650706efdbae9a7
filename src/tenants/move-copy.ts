import type { Sql } from '../postgres/database.ts'
import { pipeCopy } from '../postgres/driver.ts'
import { codeOf, SQLSTATE } from '../postgres/errors.ts'
import { MoveError } from './move-state.ts'
import { MOVED_TABLES, type MovedTable } from './moved-tables.ts'

/** What a table has of a tenant. */
export interface TableSum {
  table: string
  rows: number
  /** Of all rows, whatever their order. */
  checksum: string
}

export interface CopyOptions {
  tenant: string
  /** A transaction that sees one state of the source. */
  from: Sql
  /** A transaction of the target. */
  to: Sql
  /** Called with each table before its rows are copied. */
  onTable(name: string): void
  signal?: AbortSignal | undefined
}

/**
 * Copies all rows of a tenant, as a stream, and compares them.
 * @returns what each table has of the tenant
 * @throws MoveError if the target has other rows than the source
 */
export async function copyTenant(options: CopyOptions): Promise<TableSum[]> {
  const { tenant, from, to } = options
  // Both write values as text in the same way, whatever their databases say.
  for (const sql of [from, to]) await sql`select set_config('bytea_output', 'hex', true)`
  const literal = await quoted(from, tenant)
  const plain = MOVED_TABLES.filter((table) => !isKeptByOthers(table))
  const copied = await copyTables(options, plain, { from, literal, generations: [] })
  // From here on nobody rolls up, ends a rebuild or seals deeds in the target.
  await to`select pg_advisory_xact_lock(7236178, 3), pg_advisory_xact_lock(7236178, 10)`
  const generations = [await generationOf(from), await generationOf(to)]
  const rest = tablesOf(generations).filter(isKeptByOthers)
  copied.push(...(await copyTables(options, rest, { from, literal, generations })))
  await copyChain(options, literal)
  await leaveToRollUps(to, tenant)
  for (const { plan, sum } of copied) {
    if (plan.target !== undefined) ensureSame(sum, await sumOf(to, sum.table, plan.target))
  }
  return copied.map(({ sum }) => sum)
}

/** The target's own background work writes these too. */
const isKeptByOthers = ({ name, ofGeneration }: MovedTable) => ofGeneration || name === 'deeds'

/** @returns of each that has rows of the tenant, what it has, and how to find it in the target */
async function copyTables(
  options: CopyOptions,
  tables: readonly MovedTable[],
  asked: PlanOptions,
): Promise<{ plan: Plan; sum: TableSum }[]> {
  const { from, to, onTable, signal } = options
  const copied: { plan: Plan; sum: TableSum }[] = []
  for (const table of tables) {
    signal?.throwIfAborted()
    onTable(table.name)
    const plan = await planOf(table, asked)
    const sum = await sumOf(from, table.name, plan.source)
    if (sum.rows === 0) continue
    if (table.merge === undefined) {
      await copyRows(from, to, plan.source, `${table.name} (${plan.columns})`, signal)
    } else {
      await mergeRows(options, table, plan, sum)
    }
    copied.push({ plan, sum })
  }
  return copied
}

/** The tables of a move. Without roll-ups of both databases, the target builds those of the tenant anew. */
function tablesOf([from, to]: readonly (number | null | undefined)[]): readonly MovedTable[] {
  const hasRollUps = typeof from === 'number' && typeof to === 'number'
  return MOVED_TABLES.filter(({ ofGeneration }) => !ofGeneration || hasRollUps)
}

async function generationOf(sql: Sql): Promise<number | null> {
  const [row] = await sql<{ generation: number | null }[]>`
    select analytics_generation() as generation`
  return row?.generation ?? null
}

export async function quoted(sql: Sql, text: string): Promise<string> {
  const [row] = await sql<{ literal: string }[]>`select quote_literal(${text}::text) as literal`
  if (!row) throw new Error('the database does not quote')
  return row.literal
}

/** The statements about the rows of one table. */
interface Plan {
  columns: string
  source: string
  /** Undefined: it may have other rows too. */
  target: string | undefined
}

interface PlanOptions {
  from: Sql
  literal: string
  generations: readonly (number | null)[]
}

async function planOf(
  table: MovedTable,
  { from, literal, generations }: PlanOptions,
): Promise<Plan> {
  const [before, after] = generations
  const names = await columnsOf(from, table)
  const as: Record<string, string> = {
    ...table.as,
    ...(table.ofGeneration && { generation: `${after}::integer` }),
  }
  const values = names.map((name) => (as[name] ? `${as[name]} as ${name}` : `t.${name}`))
  const select = (list: readonly string[], generation: number | null | undefined) => {
    const only = table.ofGeneration ? ` and t.generation = ${generation}` : ''
    return `select ${list.join(', ')} from ${table.name} t where ${rowsOf(table, literal)}${only}`
  }
  const order = table.renumbered ? ` order by t.${table.renumbered}` : ''
  return {
    columns: names.join(', '),
    source: select(values, before) + order,
    target:
      table.merge === undefined
        ? select(
            names.map((name) => `t.${name}`),
            after,
          )
        : undefined,
  }
}

/** The condition for the rows `t` of a tenant. */
export function rowsOf({ by, also }: MovedTable, literal: string): string {
  const mine = {
    tenant: `t.tenant = ${literal}`,
    wallet: `t.wallet_id in (select id from wallets where tenant = ${literal})`,
    account: `t.account_id in (select account_id from balance_snapshots where tenant = ${literal})`,
    endpoint: `t.endpoint_id in (select id from webhook_endpoints where tenant = ${literal})`,
  }[by]
  return also === undefined ? mine : `(${mine} or ${also})`
}

async function columnsOf(sql: Sql, { name, renumbered }: MovedTable): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select attname::text as name from pg_attribute
    where attrelid = ${name}::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''
    order by attnum`
  return rows.map((row) => row.name).filter((column) => column !== renumbered)
}

async function sumOf(sql: Sql, table: string, select: string): Promise<TableSum> {
  const [row] = await sql.unsafe<{ rows: number; checksum: string }[]>(
    `select count(*)::float8 as rows, coalesce(sum(hashtextextended(x::text, 0)::numeric), 0)::text as checksum
     from (${select}) x`,
  )
  return { table, rows: row?.rows ?? 0, checksum: row?.checksum ?? '' }
}

function ensureSame(source: TableSum, target: TableSum): void {
  if (source.rows === target.rows && source.checksum === target.checksum) return
  throw new MoveError(
    'not_verified',
    `${source.table} has ${source.rows} rows in the source, and the ${target.rows} in the target are not the same`,
  )
}

/** One block after the other, so memory does not grow with the table. */
async function copyRows(
  from: Sql,
  to: Sql,
  select: string,
  into: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    const rows = await from.unsafe(`copy (${select}) to stdout`).readable()
    const sink = await to.unsafe(`copy ${into} from stdin`).writable()
    await pipeCopy(rows, sink, signal)
  } catch (error) {
    if (codeOf(error) !== SQLSTATE.UNIQUE_VIOLATION) throw error
    const { table_name: table } = error as { table_name?: string }
    throw new MoveError('ids_meet', `a row of ${table} has the id of one in the target`, {
      cause: error,
    })
  }
}

/** Through a table beside, because the target may have some of the rows, or others in their place. */
async function mergeRows(
  { from, to, signal }: CopyOptions,
  { name, merge = '', key = [] }: MovedTable,
  { columns, source }: Plan,
  sum: TableSum,
): Promise<void> {
  await to.unsafe(`create temporary table moving (like ${name}) on commit drop`)
  await copyRows(from, to, source, `moving (${columns})`, signal)
  ensureSame(sum, await sumOf(to, name, `select ${columns} from moving`))
  await to.unsafe(merge)
  await to.unsafe(
    `insert into ${name} (${columns}) select ${columns} from moving on conflict do nothing`,
  )
  const same = key.map((column) => `x.${column} = m.${column}`).join(' and ')
  const [row] = await to.unsafe<{ missing: number }[]>(
    `select count(*)::float8 as missing from moving m where not exists (select from ${name} x where ${same})`,
  )
  if (row?.missing !== 0) {
    throw new MoveError('not_verified', `${name} misses ${row?.missing} rows in the target`)
  }
  await to.unsafe('drop table moving')
}

/**
 * The seals of a tenant's deeds. If the target has deeds of it, of an earlier stay or because it is the main database,
 * it has a chain: the deeds that are new there are sealed by it.
 */
async function copyChain(
  { tenant, from, to, signal }: CopyOptions,
  literal: string,
): Promise<void> {
  const [known] = await to<{ has_chain: boolean }[]>`
    select exists (select from deed_seals where tenant = ${tenant}) as has_chain`
  if (!known?.has_chain) {
    for (const [name, columns] of Object.entries(CHAIN)) {
      const select = `select ${columns} from ${name} where tenant = ${literal}`
      await copyRows(from, to, select, `${name} (${columns})`, signal)
    }
  }
  await to`
    insert into unsealed_deeds (tenant, id)
    select d.tenant, d.id from deeds d
    where d.tenant = ${tenant}
      and not exists (select from deed_seals s where s.tenant = d.tenant and s.deed_id = d.id)
    on conflict do nothing`
}

const CHAIN = {
  deed_seals: 'tenant, seq, deed_id, hash',
  deed_heads: 'tenant, seq, hash',
}

/** Wallets in one row of the feed. */
const WALLETS_PER_ROW = 100

/** What the source had not rolled up, the target does. */
async function leaveToRollUps(to: Sql, tenant: string): Promise<void> {
  await to`
    select analytics_leave(array_agg(id)) from (
      select w.id, row_number() over (order by w.id) / ${WALLETS_PER_ROW}::int as chunk
      from wallets w
      left join analytics_cursors c on c.generation = analytics_generation() and c.wallet_id = w.id
      where w.tenant = ${tenant} and w.seq > coalesce(c.seq, 0)
    ) as behind
    group by chunk`
}

/** Rows and bytes that a move would copy, without those of the roll-ups that the target builds anew. */
export async function measureTenant(
  tenant: string,
  from: Sql,
): Promise<{ table: string; rows: number; bytes: number }[]> {
  const literal = await quoted(from, tenant)
  const generation = await generationOf(from)
  const measured = []
  for (const table of tablesOf([generation, generation])) {
    const only = table.ofGeneration ? ` and t.generation = ${generation}` : ''
    const [row] = await from.unsafe<{ rows: number; bytes: number }[]>(
      `select count(*)::float8 as rows, coalesce(sum(pg_column_size(t.*)), 0)::float8 as bytes
       from ${table.name} t where ${rowsOf(table, literal)}${only}`,
    )
    measured.push({ table: table.name, rows: row?.rows ?? 0, bytes: row?.bytes ?? 0 })
  }
  return measured
}
