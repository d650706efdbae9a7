import type { Sql } from '../../../src/postgres/database.ts'

/** Rows of tables that this transaction has read so far. */
export async function rowsRead(sql: Sql): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as rows
    from pg_stat_xact_user_tables`
  return row?.rows ?? 0
}
