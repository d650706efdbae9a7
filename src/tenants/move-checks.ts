import type { Sql } from '../postgres/database.ts'
import { quoted } from './move-copy.ts'
import { MoveError, type Site } from './move-state.ts'
import { MOVED_TABLES } from './moved-tables.ts'

/** @throws MoveError if nobody knows the tenant: its name is probably a typing error */
export async function ensureKnown(tenant: string, source: Site, main: Site): Promise<void> {
  const [[used], [made]] = await Promise.all([
    source.sql<{ found: boolean }[]>`
      select exists (select from wallets where tenant = ${tenant}) as found`,
    main.sql<{ found: boolean }[]>`
      select exists (select from tenants where tenant = ${tenant}) as found`,
  ])
  if (used?.found || made?.found) return
  throw new MoveError('not_found', `there is no tenant ${tenant} in these databases`)
}

/** @throws MoveError if the target has rows of the tenant, as after it lived there before */
export async function ensureEmpty(tenant: string, { sql, name }: Site): Promise<void> {
  const literal = await quoted(sql, tenant)
  for (const table of MOVED_TABLES) {
    if (table.by !== 'tenant' || table.merge !== undefined) continue
    const [row] = await sql.unsafe<{ found: boolean }[]>(
      `select exists (select from ${table.name} where tenant = ${literal}) as found`,
    )
    if (!row?.found) continue
    throw new MoveError(
      'target_not_empty',
      `${name} has rows of ${tenant} in ${table.name}, of an earlier time: \`livebalance tenants move ${tenant} --purge\` removes what it left`,
    )
  }
}

/** Ids that are compared at a time. */
const IDS_PER_STEP = 10_000

/** How many ids of a tenant's wallets and accounts the target has given to others. */
export async function meetingIds(tenant: string, from: Sql, to: Sql): Promise<number> {
  let meeting = 0
  for (const table of ['wallets', 'accounts']) {
    for (let after = '0'; ; ) {
      const rows = await from.unsafe<{ id: string }[]>(
        `select id::text from ${table} where tenant = $1 and id > $2::text::bigint order by id limit ${IDS_PER_STEP}`,
        [tenant, after],
      )
      const ids = rows.map(({ id }) => id)
      if (ids.length > 0) {
        const [row] = await to.unsafe<{ found: number }[]>(
          `select count(*)::float8 as found from ${table}
           where id in (select value::bigint from json_array_elements_text($1::text::json))`,
          [JSON.stringify(ids)],
        )
        meeting += row?.found ?? 0
      }
      if (ids.length < IDS_PER_STEP) break
      after = ids.at(-1) as string
    }
  }
  return meeting
}

/** @throws MoveError if ids meet */
export async function ensureIdsApart(tenant: string, source: Site, target: Site): Promise<void> {
  const meeting = await meetingIds(tenant, source.sql, target.sql)
  if (meeting === 0) return
  throw new MoveError('ids_meet', idsMeet(tenant, target, meeting))
}

export function idsMeet(tenant: string, { name }: Pick<Site, 'name'>, meeting: number): string {
  return `${meeting} ids of wallets and accounts of ${tenant} belong to others in ${name}, and a moved tenant keeps its ids: move it to a new database, whose ids --prepare puts into a range of their own`
}

/** Lets new ids of the target begin above those that come, as far as they are of its own range. */
export async function raiseIds(tenant: string, from: Sql, to: Sql): Promise<void> {
  const [range] = await to<{ own: string }[]>`select id_range()::text as own`
  const own = range?.own ?? '0'
  const [highest] = await from<{ wallet: string; account: string }[]>`
    select
      (select coalesce(max(id), 0) from wallets where tenant = ${tenant} and id >> 40 = ${own}::text::bigint)::text
        as wallet,
      (select coalesce(max(id), 0) from accounts where tenant = ${tenant} and id >> 40 = ${own}::text::bigint)::text
        as account`
  await to`
    select raise_ids(${highest?.wallet ?? '0'}::text::bigint, ${highest?.account ?? '0'}::text::bigint)`
}
