import { afterAll, beforeAll, expect, test } from 'vitest'
import { PostgresPolicies } from '../../src/ledger/postgres-policies.ts'
import { openSample, type Sample, tenant, USD } from './sample.ts'

let ledger: Sample
beforeAll(async () => {
  ledger = await openSample()
})
afterAll(() => ledger?.close())

const pay = (userId: string, amount: bigint) => ledger.run({ op: 'payment', userId, amount })

test('a wallet that a clock dated ahead of its time concerns no other one of its batch', async () => {
  for (const userId of ['xen', 'bob', 'cid']) await ledger.fund(userId, 1_000n)
  await ledger.owner`
    update wallets set changed_at = clock_timestamp() + interval '1 day' where user_id = 'xen'`
  await new PostgresPolicies(ledger.sql).putLimit({
    ...{ tenant, userId: 'bob', type: 'booking_payment', currency: USD },
    ...{ maxAmount: null, maxSum: 100n, windowSeconds: 3_600 },
  })
  expect(await pay('bob', 100n)).toMatchObject({ ok: true })
  const hold = await ledger.accepted({ op: 'hold', userId: 'bob', amount: 50n, expiresIn: 3_600 })

  // The first goes by itself; those that come meanwhile share the next batch.
  const [, ahead, overLimit, captured, later] = await Promise.all([
    pay('xen', 1n),
    pay('xen', 1n),
    pay('bob', 100n),
    ledger.run({ op: 'hold_capture', actor: 'service', transactionId: hold.id }),
    pay('cid', 1n),
  ])
  expect(overLimit).toMatchObject({ code: 'limit_exceeded' })
  const at = (outcome: typeof ahead) =>
    outcome?.ok ? Date.parse(outcome.transaction.updatedAt) : Number.NaN
  const tomorrow = Date.now() + 23 * 3_600_000
  expect(at(ahead)).toBeGreaterThan(tomorrow)
  for (const outcome of [captured, later]) expect(at(outcome)).toBeLessThan(tomorrow)
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})
