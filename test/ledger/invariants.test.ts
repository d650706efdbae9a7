import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSample, type Sample } from './sample.ts'

let ledger: Sample
beforeAll(async () => {
  ledger = await openSample()
})
afterAll(() => ledger?.close())

test('invariant 2: each type of transaction posts to one house account, and the table lists every type', async () => {
  const rows = await ledger.owner`
    select type, house_account(type, 1, 2, 3, 4)::int as account
    from unnest(enum_range(null::transaction_type)) as type`
  const kinds = ['', 'cash', 'revenue', 'adjustments', 'transit']
  expect(Object.fromEntries(rows.map(({ type, account }) => [type, kinds[account]]))).toEqual({
    topup: 'cash',
    withdrawal: 'cash',
    booking_payment: 'revenue',
    hold: 'revenue',
    refund: 'revenue',
    admin_adjustment: 'adjustments',
    transfer: 'transit',
  })
})

test('invariant 2: a type that no house account is named for raises', async () => {
  await ledger.owner`alter type transaction_type add value 'gift'`
  await expect(ledger.owner`select house_account('gift', 1, 2, 3, 4)`).rejects.toThrow(
    'no house account is named for transactions of type gift',
  )
  await expect(ledger.owner`select house_account(null, 1, 2, 3, 4)`).rejects.toThrow(
    'no house account is named for transactions of type null',
  )
})

test('invariant 2: no house account has a row with a running balance', async () => {
  await ledger.fund('ann', 100n)
  const rows = await ledger.owner`
    select from balance_snapshots s join accounts a on a.id = s.account_id where a.kind <> 'wallet'`
  expect(rows).toHaveLength(0)
})

test('invariant 3: the table itself refuses a balance below zero, and more held than there is', async () => {
  await ledger.fund('bob', 100n)
  for (const change of ['balance = -1', 'held = -1', 'held = 101']) {
    await expect(
      ledger.owner.unsafe(`update balance_snapshots set ${change} where user_id = 'bob'`),
    ).rejects.toThrow(/violates check constraint/)
  }
})
