import { connect, type Sql } from '../postgres/database.ts'
import type { Place } from './move-state.ts'

/**
 * Puts the ids of new wallets and accounts of a database into a range that no other database uses, so that tenants can
 * move to it and keep theirs. The main database has the range 0.
 * @returns the range
 */
export async function prepareTarget(places: readonly Place[], to: string): Promise<number> {
  const sessions = places.map(({ url }) => connect(url, { max: 1 }))
  try {
    const own = places.findIndex(({ name }) => name === to)
    const used = await Promise.all(sessions.map(rangesOf))
    const range = used[own]?.next ?? 0
    const taken = new Set(used.flatMap(({ all }, i) => (i === own ? [] : all)))
    if (own === 0 || (range > 0 && !taken.has(range))) return range
    for (const one of used[own]?.all ?? []) taken.add(one)
    let free = 1
    while (taken.has(free)) free += 1
    const sql = sessions[own] as Sql
    await sql`select reserve_ids(${free}::int)`
    return free
  } finally {
    await Promise.all(sessions.map((sql) => sql.end({ timeout: 1 })))
  }
}

async function rangesOf(sql: Sql): Promise<{ next: number; all: number[] }> {
  const [row] = await sql<{ next: number; all: number[] }[]>`
    select id_range()::int as next, to_json(id_ranges()) as all`
  return row ?? { next: 0, all: [] }
}
