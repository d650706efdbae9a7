import type { Sql } from '../../src/postgres/database.ts'

/** A digest of every table's rows: nothing was written between two that are equal. */
export async function contentsOf(sql: Sql): Promise<Record<string, string>> {
  const tables = await sql<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`
  const digests = await Promise.all(
    tables.map(async ({ name }) => {
      const [row] = await sql<{ digest: string }[]>`
        select count(*) || ' rows, ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '')
          as digest
        from ${sql(name)} t`
      return [name, row?.digest ?? ''] as const
    }),
  )
  return Object.fromEntries(digests)
}
