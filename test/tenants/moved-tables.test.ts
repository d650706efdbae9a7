import { expect } from 'vitest'
import { MOVED_TABLES, UNMOVED_TABLES } from '../../src/tenants/moved-tables.ts'
import { test } from '../support/fixtures.ts'

test('every table either goes with a tenant that moves, or has a reason not to', async ({
  owner,
}) => {
  const rows = await owner<{ name: string }[]>`
    select relname::text as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
    order by relname`
  const named = [...MOVED_TABLES.map(({ name }) => name), ...Object.keys(UNMOVED_TABLES)]
  expect(named.toSorted()).toEqual(rows.map(({ name }) => name))
})

test('a table that goes is found by a column that it has, and its other names are columns too', async ({
  owner,
}) => {
  const rows = await owner<{ name: string; columns: string[] }[]>`
    select c.relname::text as name, json_agg(a.attname) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') group by c.relname`
  const columns = new Map(rows.map((row) => [row.name, row.columns]))
  for (const { name, by, as = {}, renumbered, key = [], ofGeneration } of MOVED_TABLES) {
    const needed = [
      by === 'tenant' ? 'tenant' : `${by}_id`,
      ...Object.keys(as),
      ...(renumbered ? [renumbered] : []),
      ...key,
      ...(ofGeneration ? ['generation'] : []),
    ]
    expect(columns.get(name), name).toEqual(expect.arrayContaining(needed))
  }
})
