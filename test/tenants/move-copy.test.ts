import { expect, onTestFinished } from 'vitest'
import type { Sql } from '../../src/postgres/database.ts'
import { connect } from '../../src/postgres/database.ts'
import { moveTenant } from '../../src/tenants/move.ts'
import { quoted, rowsOf } from '../../src/tenants/move-copy.ts'
import { purgeTenant } from '../../src/tenants/move-purge.ts'
import { MOVED_TABLES } from '../../src/tenants/moved-tables.ts'
import { createDatabase } from '../support/database.ts'
import { mine, theirs } from '../support/ledger/tenant-names.ts'
import { test } from '../support/ledger/two-tenants.ts'

async function rowsByTable(sql: Sql, tenant: string): Promise<Record<string, number>> {
  const literal = await quoted(sql, tenant)
  const counts: Record<string, number> = {}
  for (const { also: _, ...table } of MOVED_TABLES) {
    const [row] = await sql.unsafe<{ rows: number }[]>(
      `select count(*)::int as rows from ${table.name} t where ${rowsOf(table, literal)}`,
    )
    counts[table.name] = row?.rows ?? 0
  }
  return counts
}

test('a tenant with something in every table takes all of it along, and leaves nothing when it is purged', async ({
  parts,
  owner,
  database,
}) => {
  const beside = await createDatabase()
  const apart = connect(beside.ownerUrl, { max: 2 })
  onTestFinished(async () => {
    await apart.end({ timeout: 1 })
    await beside.drop()
  })
  await apart`select reserve_ids(1)`
  expect(parts.transactions.length).toBeGreaterThan(0)
  await owner`select outbox_acknowledge(array(select id from outbox))`
  // One browser of theirs was somebody else's in the other database, before.
  await apart`
    insert into push_devices (id, wallet_id, kind, address, keys, service, language, figures, acked_seq, last_seq, updated_at)
    values (gen_random_uuid(), 1, 'web', 'https://other.example', '{}', 'https://other.example', 'en', true, 0, 0, '2020-01-01')`

  const before = await rowsByTable(owner, theirs.tenant)
  const ofMine = await rowsByTable(owner, mine.tenant)
  const empty = Object.keys(before).filter((table) => before[table] === 0)
  expect(empty).toEqual([])
  const places = [
    { name: 'main', url: database.ownerUrl },
    { name: 'beside', url: beside.ownerUrl },
  ]
  const moved = await moveTenant({ tenant: theirs.tenant, places, to: 'beside', drainMs: 90_000 })
  expect(await rowsByTable(apart, theirs.tenant)).toEqual(before)
  expect(Object.fromEntries(moved.tables.map(({ table, rows }) => [table, rows]))).toMatchObject({
    ...{ wallets: before.wallets, entries: before.entries, deeds: before.deeds },
  })
  // Nobody is sending, and what is published from now on is for its endpoints.
  expect(
    await apart`select from webhook_cursors where claimed_by is not null or claimed_until is not null`,
  ).toEqual([])
  expect(await apart`select distinct begins_after from webhook_endpoints`).toEqual([
    { begins_after: '0' },
  ])
  const services = await apart`select service from push_services`
  expect(services.length).toBeGreaterThan(0)
  const [settings] = await owner`select * from tenants where tenant = ${theirs.tenant}`
  expect(await apart`select * from tenants where tenant = ${theirs.tenant}`).toEqual(
    settings ? [settings] : [],
  )

  await purgeTenant({ tenant: theirs.tenant, places })
  const left = await rowsByTable(owner, theirs.tenant)
  const none = Object.fromEntries(Object.keys(left).map((table) => [table, 0]))
  expect(left).toEqual({ ...none, deeds: before.deeds })
  expect(await rowsByTable(owner, mine.tenant)).toEqual(ofMine)
  for (const sql of [owner, apart]) {
    for (const tenant of [mine.tenant, theirs.tenant]) {
      const problems = await sql`
        select d from audit(${tenant}) as a, json_array_elements(a.discrepancies) as d
        where json_typeof(a.discrepancies) = 'array'`
      expect(problems).toEqual([])
    }
  }
})

test('entries of a tenant that stays cannot be removed, not even in the name of a move', async ({
  parts,
  owner,
}) => {
  expect(parts.transactions.length).toBeGreaterThan(0)
  await owner`insert into tenant_homes (tenant, here) values ('gone', false)`
  await owner`insert into accounts (tenant, currency, kind) values ('gone', 'USD', 'cash')`
  const [move] = await owner<{ id: string }[]>`
    insert into tenant_moves (tenant, id, direction, peer, switched_at)
    values ('gone', gen_random_uuid(), 'away', 'other', now()) returning id`
  const removing = owner.begin(async (tx) => {
    await tx`select set_config('livebalance.moving', ${move?.id ?? ''}, true)`
    await tx`delete from entries`
  })
  await expect(removing).rejects.toMatchObject({ code: '23001' })
})
