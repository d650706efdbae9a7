import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { TRANSACTION_STATUSES, TRANSACTION_TYPES } from '../../src/ledger/command.ts'
import { DEEDS } from '../../src/ledger/deed.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { readReplaced } from '../../src/postgres/sql-files.ts'
import { test } from '../support/fixtures.ts'

const GOLDEN = new URL('../../sql/schema.txt', import.meta.url)

/** What the catalogs say of the schema, a line each: no names of hosts, owners or times. */
async function schema(sql: Sql, appRole: string): Promise<string> {
  const rows = await sql<{ line: string }[]>`
    select line from (
      select 1 as part, c.relname || ' ' || lpad(a.attnum::text, 2, '0') as place,
        format('column %s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
          case when a.attnotnull then ' not null' else '' end,
          case when a.attidentity <> '' then ' identity' else
            coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') end) as line
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'c')
      union all
      select 2, conrelid::regclass || conname,
        format('constraint %s on %s %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
      from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
      union all
      select 3, indexname, indexdef from pg_indexes where schemaname = 'public'
      union all
      select 4, tgrelid::regclass || tgname, pg_get_triggerdef(oid)
      from pg_trigger where not tgisinternal
      union all
      select 5, t.typname, format('enum %s %s', t.typname, string_agg(e.enumlabel, ' ' order by e.enumsortorder))
      from pg_type t join pg_enum e on e.enumtypid = t.oid group by t.typname
      union all
      select 6, p.oid::regprocedure::text, format('function %s returns %s%s', p.oid::regprocedure,
        pg_get_function_result(p.oid), case when p.prosecdef then ' security definer' else '' end)
      from pg_proc p where p.pronamespace = 'public'::regnamespace
      union all
      select 7, table_name || privilege_type, format('grant %s on %s', lower(privilege_type), table_name)
      from information_schema.table_privileges
      where grantee = ${appRole} and table_schema = 'public'
    ) as lines
    order by part, place collate "C"`
  return `${rows.map(({ line }) => line.replaceAll(/\s+/g, ' ')).join('\n')}\n`
}

test('the schema is the one that sql/schema.txt shows (to renew it: UPDATE_SCHEMA=1)', async ({
  owner,
  database,
}) => {
  const text = await schema(owner, database.appRole)
  if (process.env.UPDATE_SCHEMA) writeFileSync(GOLDEN, text)
  expect(text).toBe(readFileSync(GOLDEN, 'utf8'))
})

test.for([
  ['transaction_type', TRANSACTION_TYPES],
  ['transaction_status', TRANSACTION_STATUSES],
  ['deed_name', DEEDS],
] as const)('%s has the same names in SQL as in TypeScript', async ([type, names], { sql }) => {
  const rows = await sql<{ name: string }[]>`
    select enumlabel as name from pg_enum
    where enumtypid = ${type}::text::regtype order by enumsortorder`
  expect(rows.map(({ name }) => name)).toEqual(names)
})

const REVISION = new URL('../../sql/revision.json', import.meta.url)

test('other views, functions or roles have a higher number in sql/revision.json (to raise it: UPDATE_SCHEMA=1)', () => {
  const files = Object.values(readReplaced()).flat()
  const lines = files.map(({ name, checksum }) => `${checksum} ${name}\n`).join('')
  const checksum = createHash('sha256').update(lines).digest('hex')
  const read = () => JSON.parse(readFileSync(REVISION, 'utf8'))
  const { revision, checksum: counted } = read()
  if (process.env.UPDATE_SCHEMA && counted !== checksum) {
    const next = { revision: revision + 1, checksum }
    writeFileSync(REVISION, `${JSON.stringify(next, null, 2)}\n`)
  }
  expect(read()).toMatchObject({ checksum })
})
