import { expect } from 'vitest'
import { Deeds } from '../../src/ledger/deeds.ts'
import { damage } from '../support/ledger/damage.ts'
import { type Sample, tenant, test } from '../support/ledger/sample.ts'

const NOBODY = '00000000-0000-0000-0000-000000000000'

/** What somebody with the owner's rights may do to the log of deeds. */
const DAMAGES: [name: string, statement: string, problem: string][] = [
  [
    'who did it',
    "update deeds set actor = 'mallory' where DEED = 2",
    'a deed does not fit its seal',
  ],
  [
    'what was asked',
    `update deeds set details = jsonb_set(details, '{asked,amount}', '"1.00"') where DEED = 2`,
    'a deed does not fit its seal',
  ],
  [
    'when it was done',
    "update deeds set at = at + interval '1 microsecond' where DEED = 2",
    'a deed does not fit its seal',
  ],
  ['a sealed deed, taken out', 'delete from deeds where DEED = 2', 'a sealed deed is missing'],
  [
    'a deed and its seal, taken out',
    `with gone as (delete from deeds where DEED = 2 returning id) delete from deed_seals using gone where deed_id = id`,
    'a seal of a deed is missing before this one',
  ],
  [
    'the newest deed and its seal, taken out',
    `with gone as (delete from deeds where DEED = 4 returning id) delete from deed_seals using gone where deed_id = id`,
    'the newest seal is not the one that the head of the deeds names',
  ],
  [
    'a seal that was made again',
    `update deed_seals s set hash = deed_hash(b.hash, s.seq, d) from deeds d, deed_seals b
     where s.tenant = 'TENANT' and d.id = s.deed_id and s.seq = 2 and b.tenant = s.tenant and b.seq = 3`,
    'a deed does not fit its seal',
  ],
  [
    'a deed put in without a seal',
    `insert into deeds (id, tenant, at, actor, roles, deed, result)
     values ('${NOBODY}', 'TENANT', now(), 'mallory', '{admin}', 'recalculate', 'done')`,
    'a deed has no seal, and does not wait for one',
  ],
  [
    'a deed taken out before it had a seal',
    `insert into unsealed_deeds (tenant, id) values ('TENANT', '${NOBODY}')`,
    'a deed that waits for its seal is missing',
  ],
]

/** Of a tenant with four sealed deeds: three adjustments, and a topup that was approved. */
async function worldOf(ledger: Sample, world: string): Promise<void> {
  for (const amount of [5_00n, 6_00n, 7_00n]) {
    await ledger.accepted({
      op: 'adjustment',
      tenant: world,
      actor: 'ada',
      userId: 'alice',
      amount,
    })
  }
  const topup = await ledger.accepted({
    ...{ op: 'topup_request', tenant: world, userId: 'alice', amount: 1_00n },
  })
  await ledger.accepted({
    ...{ op: 'topup_process', tenant: world, actor: 'ada', status: 'success' },
    transactionId: topup.id,
  })
  await new Deeds(ledger.sql).seal()
}

test.for(DAMAGES.map((row, i) => [i, ...row] as const))(
  'the audit finds %s %s',
  async ([i, , statement, problem], { ledger }) => {
    const world = `world-${i}`
    await worldOf(ledger, world)
    const sound = await ledger.auditor.audit(world)
    expect(sound.discrepancies).toEqual([])
    const changed = await damage(
      ledger,
      statement
        .replaceAll('TENANT', world)
        .replace(
          /DEED = (\d)/,
          `(tenant, id) = ('${world}', (select deed_id from deed_seals where tenant = '${world}' and seq = $1))`,
        ),
    )
    expect(changed).toBe(1)
    const { discrepancies } = await ledger.auditor.audit(world)
    expect(discrepancies.map((found) => found.problem)).toContain(problem)
    // The others are as they were.
    expect((await ledger.auditor.audit(tenant)).discrepancies).toEqual([])
  },
)

test('the audit checks a long log in steps', async ({ ledger }) => {
  await worldOf(ledger, 'steps')
  const seen: (string | null)[] = []
  for (let after: string | null = '0'; after !== null; ) {
    const rows: readonly { problem: string | null; next: string | null }[] = await ledger.sql<
      { problem: string | null; next: string | null }[]
    >`select problem, next from audit_deeds('steps', ${after}, 1)`
    seen.push(...rows.map(({ problem }) => problem))
    after = rows[0]?.next ?? null
  }
  expect(seen).toEqual([null, null, null])
})

test('a decision about money that is on record nowhere is found', async ({ ledger }) => {
  const world = 'unrecorded'
  await worldOf(ledger, world)
  expect((await ledger.auditor.audit(world)).discrepancies).toEqual([])
  await damage(
    ledger,
    `with gone as (delete from deeds where tenant = '${world}' returning id), seals as (delete from deed_seals where tenant = '${world}')
       delete from deed_heads where tenant = '${world}'`,
  )
  const { discrepancies } = await ledger.auditor.audit(world)
  expect(discrepancies.map(({ problem }) => problem)).toEqual(
    Array(4).fill('a decision about money is not among the deeds'),
  )
  // Those of before the log need none.
  await ledger.owner`update meta set deeds_since = 'infinity'`
  expect((await ledger.auditor.audit(world)).discrepancies).toEqual([])
  await ledger.owner`update meta set deeds_since = '-infinity'`
})

test('nobody changes or deletes a deed or a seal, the owner included', async ({ ledger }) => {
  await worldOf(ledger, 'kept')
  for (const sql of [ledger.sql, ledger.owner]) {
    for (const table of ['deeds', 'deed_seals']) {
      const column = table === 'deeds' ? 'actor' : 'hash'
      await expect(sql.unsafe(`update ${table} set ${column} = ${column}`)).rejects.toThrow(
        /append-only|permission denied/,
      )
      await expect(sql.unsafe(`delete from ${table}`)).rejects.toThrow(
        /append-only|permission denied/,
      )
      await expect(sql.unsafe(`truncate ${table}`)).rejects.toThrow(/append-only|permission denied/)
    }
  }
  await expect(
    ledger.sql`insert into deeds (id, tenant, at, actor, roles, deed, result)
      values (${NOBODY}, 'kept', now(), 'x', '{}', 'refund', 'done')`,
  ).rejects.toThrow(/permission denied/)
})

test('the audit notices that the guard of the deeds is off', async ({ ledger }) => {
  await ledger.owner`alter table deeds disable trigger deeds_append_only`
  try {
    const { discrepancies } = await ledger.auditor.audit(tenant)
    expect(discrepancies).toContainEqual({
      problem: 'deeds can be changed: a trigger that refuses it is off or missing',
      at: 'deeds_append_only',
    })
  } finally {
    await ledger.owner`alter table deeds enable trigger deeds_append_only`
  }
})

test('a payment takes no deed, and processes that seal at once leave no hole', async ({
  ledger,
}) => {
  await ledger.fund('payer', 5_00n)
  await ledger.accepted({ op: 'payment', userId: 'payer', amount: 1_00n })
  const deeds = new Deeds(ledger.sql)
  const { items } = await deeds.list({ tenant, target: 'payer', limit: 10 })
  expect(items.map(({ deed, result }) => [deed, result])).toEqual([['adjustment', 'done']])
  for (let i = 0; i < 20; i++) await ledger.fund(`payee-${i}`, 1n)
  await Promise.all(Array.from({ length: 4 }, () => deeds.seal()))
  await deeds.seal()
  const sealed = await deeds.list({ tenant, limit: 100, order: 'asc' })
  expect(sealed.items.map(({ seal }) => seal?.seq)).toEqual(sealed.items.map((_, i) => i + 1))
  expect((await ledger.auditor.audit(tenant)).discrepancies).toEqual([])
})
