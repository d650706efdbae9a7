import { readFileSync } from 'node:fs'
import type { Sql } from '../../src/postgres/database.ts'

/** Fills an empty database with `fill.sql`, over so many days until now. Returns the number of wallets. */
export async function fill(owner: Sql, size: number, days: number): Promise<number> {
  const wallets = Math.max(20, Math.round(size / 100))
  await owner.unsafe(readFileSync(new URL('fill.sql', import.meta.url), 'utf8'))
  // Building the indexes afterwards is faster than maintaining them.
  const indexes = await owner<{ name: string; definition: string }[]>`
    select c.relname as name, pg_get_indexdef(c.oid) as definition
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid in ('transactions'::regclass, 'entries'::regclass)`
  const keys = await owner<{ table: string; name: string; definition: string }[]>`
    select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as definition
    from pg_constraint where contype = 'p'
      and conrelid in ('transactions'::regclass, 'entries'::regclass)`
  for (const key of keys) await owner.unsafe(`alter table ${key.table} drop constraint ${key.name}`)
  const others = indexes.filter(({ name }) => !keys.some((key) => key.name === name))
  for (const { name } of others) await owner.unsafe(`drop index ${name}`)
  await owner.unsafe(`call fill(${size}, ${wallets}, ${days})`)
  for (const { definition } of others) await owner.unsafe(definition)
  for (const key of keys) {
    await owner.unsafe(`alter table ${key.table} add constraint ${key.name} ${key.definition}`)
  }
  await owner.unsafe('vacuum analyze')
  return wallets
}
