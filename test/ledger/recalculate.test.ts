import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import type { WalletState } from '../../src/ledger/balance.ts'
import { type Sample, tenant, test, USD } from '../support/ledger/sample.ts'

const spoil = (ledger: Sample, userId: string, change: string) =>
  ledger.owner.unsafe(`update balance_snapshots set ${change} where user_id = '${userId}'`)

test('a recalculation sets right what is held, and the version and hash that the next entry builds on', async ({
  ledger,
}) => {
  await ledger.fund('ann', 1_000n)
  await ledger.accepted({ op: 'hold', userId: 'ann', amount: 300n, expiresIn: 60 })
  await spoil(ledger, 'ann', "balance = 1, held = 0, version = 7, hash = ''")
  await ledger.auditor.recalculate({ tenant, userId: 'ann' }, USD)
  expect(await ledger.stateOf('ann')).toEqual({ balance: 1_000n, held: 300n })
  await ledger.accepted({ op: 'payment', userId: 'ann', amount: 700n })
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

test('a recalculation is told as any change is, also when its process dies before it could', async ({
  ledger,
}) => {
  await ledger.fund('bob', 10n)
  await ledger.owner`delete from outbox`
  await ledger.auditor.recalculate({ tenant, userId: 'bob' }, USD)
  const { seq } = await ledger.reader.balance({ tenant, userId: 'bob' }, USD)
  const left = await ledger.store.claim(10, 0)
  expect(left.flatMap(({ events }) => events)).toMatchObject([
    { userId: 'bob', event: 'balance_updated', seq, newBalance: 10n },
  ])
  expect((await ledger.eventsOf('bob')).at(-1)).toEqual([seq, 'balance_updated', 10n])
})

test('a recalculation waits for the wallet’s lock, and counts what its holder commits', async ({
  ledger,
}) => {
  await ledger.fund('cid', 100n)
  await spoil(ledger, 'cid', 'balance = 1')
  let settled = false
  const [holder] = await ledger.owner<
    { id: string }[]
  >`select id from wallets where user_id = 'cid'`
  let recalculating: Promise<unknown> | undefined
  await ledger.owner.begin(async (tx) => {
    await tx`select from wallets where id = ${holder?.id ?? 0} for update`
    recalculating = ledger.auditor.recalculate({ tenant, userId: 'cid' }, USD).finally(() => {
      settled = true
    })
    await ledger.somebodyWaits('recalculate(')
    expect(settled).toBe(false)
    // What it must count, and would not if it had looked before it had the lock.
    const gift = {
      op: 'adjustment',
      tenant,
      actor: 'ada',
      user_id: 'cid',
      currency: USD,
      amount: '50',
    }
    await tx`select results from ledger_apply(${JSON.stringify([gift])}::text::json)`
  })
  expect(await recalculating).toEqual({
    previousBalance: 51n,
    newBalance: 150n,
    corrected: true,
  })
})

test('a recalculation says whether anything was wrong, not the balance alone', async ({
  ledger,
}) => {
  await ledger.fund('fay', 1_000n)
  await ledger.accepted({ op: 'hold', userId: 'fay', amount: 300n, expiresIn: 60 })
  const fay = { tenant, userId: 'fay' }
  const corrected = async () => {
    const done = await ledger.auditor.recalculate(fay, USD)
    expect(done).toMatchObject({ previousBalance: 1_000n, newBalance: 1_000n })
    return done?.corrected
  }
  expect(await corrected()).toBe(false)
  for (const wrong of ['held = 0', 'version = 7', "hash = ''"]) {
    await spoil(ledger, 'fay', wrong)
    expect(await corrected()).toBe(true)
    await spoil(ledger, 'fay', wrong)
    expect(await ledger.auditor.recalculateAll(tenant)).toMatchObject({ corrected: 1 })
    expect(await corrected()).toBe(false)
  }
})

test('recalculating all repairs the wrong ones, tells their users alone, and hands the right ones to the cache', async ({
  ledger,
}) => {
  await ledger.fund('dan', 5n)
  await ledger.fund('eve', 5n)
  await spoil(ledger, 'dan', 'balance = 4')
  const told: string[] = []
  const verified: WalletState[] = []
  const auditor = new Auditor(ledger.sql, {
    onCommitted: async ({ events }) => void told.push(...events.map(({ userId }) => userId)),
    onVerified: async (wallets) => void verified.push(...wallets),
  })
  expect(await auditor.recalculateAll(tenant)).toMatchObject({ corrected: 1 })
  expect(told).toEqual(['dan'])
  expect(verified.map(({ userId }) => userId)).toContain('eve')
  expect(verified.map(({ userId }) => userId)).not.toContain('dan')
})

test('the events of a recalculation reach who publishes', async ({ ledger }) => {
  await ledger.fund('pat', 100n)
  const pat = { tenant, userId: 'pat' }
  const told: unknown[] = []
  const auditor = new Auditor(ledger.sql, {
    onCommitted: async ({ events }) => void told.push(...events),
  })
  await auditor.recalculate(pat, USD)
  const { seq } = await ledger.reader.balance(pat, USD)
  expect(told).toMatchObject([{ event: 'balance_updated', userId: 'pat', seq }])
})
