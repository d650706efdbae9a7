import { describe, expect } from 'vitest'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { tenant, test, USD } from '../support/ledger/sample.ts'

describe('a topup', () => {
  test('moves no money until it is approved, then moves it once', async ({ ledger }) => {
    const topup = await ledger.accepted({ op: 'topup_request', userId: 'ann', amount: 5_000n })
    expect(topup).toMatchObject({ type: 'topup', amount: 5_000n, status: 'pending' })
    expect(await ledger.stateOf('ann')).toEqual({ balance: 0n, held: 0n })

    const approve = { op: 'topup_process', transactionId: topup.id, status: 'success' } as const
    const done = await ledger.accepted(approve)
    expect(done).toMatchObject({
      status: 'success',
      processedBy: 'admin',
      previousBalance: 0n,
      newBalance: 5_000n,
    })
    expect(await ledger.run(approve)).toMatchObject({ ok: false, code: 'already_processed' })
    expect(await ledger.stateOf('ann')).toEqual({ balance: 5_000n, held: 0n })
    expect(await ledger.eventsOf('ann')).toEqual([
      [1, 'balance_updated', 5_000n],
      [2, 'transaction_completed', 5_000n],
    ])
  })

  test('that is rejected gives transaction_failed alone', async ({ ledger }) => {
    const topup = await ledger.accepted({ op: 'topup_request', userId: 'bea', amount: 5_000n })
    await ledger.accepted({ op: 'topup_process', transactionId: topup.id, status: 'failed' })
    expect(await ledger.eventsOf('bea')).toEqual([[1, 'transaction_failed', 0n]])
  })

  test('is never approved by the user who asked for it', async ({ ledger }) => {
    const topup = await ledger.accepted({ op: 'topup_request', userId: 'boss', amount: 5_000n })
    const outcome = await ledger.run({
      op: 'topup_process',
      actor: 'boss',
      transactionId: topup.id,
      status: 'success',
    })
    expect(outcome).toMatchObject({ ok: false, code: 'self_approval' })
  })

  test('is cancelled by its own user alone', async ({ ledger }) => {
    const topup = await ledger.accepted({ op: 'topup_request', userId: 'cat', amount: 5_000n })
    const cancel = { op: 'topup_cancel', transactionId: topup.id } as const
    expect(await ledger.run({ ...cancel, userId: 'dan' })).toMatchObject({
      ok: false,
      code: 'not_found',
    })
    expect(await ledger.accepted({ ...cancel, userId: 'cat' })).toMatchObject({
      status: 'cancelled',
    })
  })
})

describe('a payment', () => {
  test('is answered, and told, as it is stored', async ({ ledger }) => {
    const { sql, reader, store } = ledger
    await ledger.fund('eva', 1_000n)
    const told: LedgerEvent[] = []
    const executor = new Executor(sql, {
      onCommitted: async ({ events }) => void told.push(...events),
    })
    const common = { op: 'payment', tenant, actor: 'desk', userId: 'eva', currency: USD } as const
    const words = {
      ...{ description: 'Bett „Süd“ \\ "2"', adminNotes: 'at the desk', traceparent: '00-1-2-01' },
      ...{ referenceId: 'B-1', referenceType: 'booking', idempotencyKey: 'one' },
    }
    const outcomes = await executor.executeAll(
      [
        { ...common, ...words, amount: 400n },
        { ...common, ...words, amount: 400n },
        { ...common, amount: 9_000n },
        { ...common, amount: 1n, metadata: { b: 1, a: '' } },
        { ...common, amount: 2n, split: [{ fee: 'service', share: 1 }] },
        { ...common, amount: 3n },
      ],
      'each',
    )
    expect(outcomes.map(({ ok, replayed }) => [ok, replayed])).toEqual([
      [true, false],
      [true, true],
      [false, false],
      [true, false],
      [true, false],
      [true, false],
    ])
    for (const outcome of outcomes) {
      if (!outcome.ok) continue
      const { transaction } = outcome
      expect(transaction).toEqual(await reader.transaction(tenant, transaction.id, 'eva'))
    }
    expect(told).toHaveLength(9)
    const { events } = await store.eventsAfter({ tenant, userId: 'eva' }, 2, 500)
    expect(told).toEqual(events)
  })

  test('takes the money at once', async ({ ledger }) => {
    await ledger.fund('eve', 1_000n)
    const payment = await ledger.accepted({ op: 'payment', userId: 'eve', amount: 400n })
    expect(payment).toMatchObject({ type: 'booking_payment', amount: -400n, newBalance: 600n })
  })

  test('beyond the balance is refused, and says what is missing', async ({ ledger }) => {
    await ledger.fund('fay', 1_000n)
    expect(await ledger.run({ op: 'payment', userId: 'fay', amount: 1_001n })).toEqual({
      ok: false,
      code: 'insufficient_funds',
      replayed: false,
      details: {
        currency: USD,
        requiredAmount: 1_001n,
        currentBalance: 1_000n,
        available: 1_000n,
        shortfall: 1n,
      },
    })
    expect(await ledger.stateOf('fay')).toEqual({ balance: 1_000n, held: 0n })
    expect((await ledger.eventsOf('fay')).at(-1)).toEqual([3, 'balance_insufficient', 1_000n])
  })

  test('is refunded in parts, never beyond what was paid', async ({ ledger }) => {
    await ledger.fund('gus', 1_000n)
    const { id } = await ledger.accepted({ op: 'payment', userId: 'gus', amount: 400n })
    await ledger.accepted({ op: 'refund', transactionId: id, amount: 150n })
    expect(await ledger.run({ op: 'refund', transactionId: id, amount: 251n })).toMatchObject({
      ok: false,
      code: 'refund_exceeds_payment',
      details: { maximum: 250n },
    })
    expect(await ledger.accepted({ op: 'refund', transactionId: id })).toMatchObject({
      amount: 250n,
    })
    expect(await ledger.stateOf('gus')).toEqual({ balance: 1_000n, held: 0n })
  })
})

describe('a transfer', () => {
  test('arrives whole, as one step', async ({ ledger }) => {
    await ledger.fund('hal', 1_000n)
    await ledger.fund('ida', 1n)
    await ledger.accepted({ op: 'transfer', userId: 'hal', toUserId: 'ida', amount: 300n })
    expect(await ledger.stateOf('hal')).toEqual({ balance: 700n, held: 0n })
    expect(await ledger.stateOf('ida')).toEqual({ balance: 301n, held: 0n })
  })

  test('to oneself or to nobody is refused', async ({ ledger }) => {
    await ledger.fund('jon', 1_000n)
    const send = { op: 'transfer', userId: 'jon', amount: 1n } as const
    expect(await ledger.run({ ...send, toUserId: 'jon' })).toMatchObject({ code: 'self_transfer' })
    expect(await ledger.run({ ...send, toUserId: 'nobody' })).toMatchObject({
      code: 'unknown_user',
    })
  })
})

describe('a hold', () => {
  test('is counted in every funds check until it is captured or voided', async ({ ledger }) => {
    await ledger.fund('kim', 1_000n)
    const hold = await ledger.accepted({ op: 'hold', userId: 'kim', amount: 800n, expiresIn: 60 })
    expect(await ledger.stateOf('kim')).toEqual({ balance: 1_000n, held: 800n })
    expect(await ledger.run({ op: 'payment', userId: 'kim', amount: 201n })).toMatchObject({
      code: 'insufficient_funds',
      details: { available: 200n, currentBalance: 1_000n, shortfall: 1n },
    })
    const captured = await ledger.accepted({
      op: 'hold_capture',
      transactionId: hold.id,
      amount: 500n,
    })
    expect(captured).toMatchObject({
      amount: -500n,
      status: 'success',
      heldAmount: 800n,
    })
    expect(await ledger.stateOf('kim')).toEqual({ balance: 500n, held: 0n })
  })

  test('of a service is not voided by the user', async ({ ledger }) => {
    await ledger.fund('lea', 1_000n)
    const hold = await ledger.accepted({
      op: 'hold',
      actor: 'booking',
      userId: 'lea',
      amount: 800n,
      expiresIn: 60,
    })
    const outcome = await ledger.run({ op: 'hold_void', userId: 'lea', transactionId: hold.id })
    expect(outcome).toMatchObject({ code: 'not_your_hold' })
  })
})

describe('a withdrawal', () => {
  test('holds the money at once, pays it out when processed, frees it when rejected', async ({
    ledger,
  }) => {
    await ledger.fund('max', 1_000n)
    const first = await ledger.accepted({ op: 'withdrawal_request', userId: 'max', amount: 600n })
    const second = await ledger.accepted({ op: 'withdrawal_request', userId: 'max', amount: 400n })
    expect(await ledger.stateOf('max')).toEqual({ balance: 1_000n, held: 1_000n })
    await ledger.accepted({ op: 'withdrawal_process', transactionId: first.id, status: 'success' })
    await ledger.accepted({ op: 'withdrawal_process', transactionId: second.id, status: 'failed' })
    expect(await ledger.stateOf('max')).toEqual({ balance: 400n, held: 0n })
  })
})

describe('an idempotency key', () => {
  test('moves money once for twins that arrive together, and answers both alike', async ({
    ledger,
  }) => {
    await ledger.fund('ned', 1_000n)
    const pay = { op: 'payment', userId: 'ned', amount: 100n, idempotencyKey: 'k' } as const
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => ledger.run(pay)))
    const ids = new Set(outcomes.map((outcome) => outcome.ok && outcome.transaction.id))
    expect(ids.size).toBe(1)
    expect(outcomes.filter((outcome) => !outcome.replayed)).toHaveLength(1)
    expect(await ledger.stateOf('ned')).toEqual({ balance: 900n, held: 0n })
    expect(await ledger.run({ ...pay, amount: 101n })).toMatchObject({
      code: 'idempotency_key_reused',
    })
  })

  test('remembers a refusal', async ({ ledger }) => {
    const pay = { op: 'payment', userId: 'oli', amount: 100n, idempotencyKey: 'k' } as const
    expect(await ledger.run(pay)).toMatchObject({ code: 'insufficient_funds', replayed: false })
    await ledger.fund('oli', 1_000n)
    expect(await ledger.run(pay)).toMatchObject({ code: 'insufficient_funds', replayed: true })
  })
})

test('nobody gives money to themselves, in whatever batch', async ({ ledger }) => {
  await ledger.fund('own', 1_000n)
  await ledger.fund('aid', 1_000n)
  const paid = await ledger.accepted({ op: 'payment', userId: 'own', amount: 400n })
  const topup = await ledger.accepted({ op: 'topup_request', userId: 'own', amount: 400n })
  const asked = await ledger.accepted({ op: 'withdrawal_request', userId: 'own', amount: 100n })
  const outcomes = await Promise.all([
    ledger.run({ op: 'payment', userId: 'aid', amount: 1n }),
    ledger.run({ op: 'adjustment', actor: 'own', userId: 'own', amount: 5n }),
    ledger.run({ op: 'adjustment', actor: 'own', userId: 'own', amount: -5n }),
    ledger.run({ op: 'refund', actor: 'own', transactionId: paid.id }),
    ledger.run({ op: 'refund', actor: 'own', transactionId: paid.id, amount: 1n }),
    ledger.run({ op: 'topup_process', actor: 'own', transactionId: topup.id, status: 'success' }),
    ledger.run({
      op: 'withdrawal_process',
      actor: 'own',
      transactionId: asked.id,
      status: 'success',
    }),
    ledger.run({
      op: 'withdrawal_process',
      actor: 'own',
      transactionId: asked.id,
      status: 'failed',
    }),
    ledger.run({ op: 'adjustment', actor: 'own', userId: 'aid', amount: 5n }),
  ])
  const codes = outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.code))
  expect(codes).toEqual(['ok', ...Array(7).fill('self_approval'), 'ok'])
  expect(await ledger.stateOf('own')).toEqual({ balance: 600n, held: 100n })
})

test('a poisoned command fails alone, and its neighbours go through', async ({ ledger }) => {
  await ledger.fund('pam', 1_000n)
  const good = { op: 'payment', userId: 'pam', amount: 1n } as const
  const bad = { ...good, transactionId: 'no uuid' }
  const results = await Promise.allSettled([ledger.run(good), ledger.run(bad), ledger.run(good)])
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await ledger.stateOf('pam')).toEqual({ balance: 998n, held: 0n })
})

test('the balance as it stood at any time is the one after the newest entry of then', async ({
  ledger,
}) => {
  const first = await ledger.accepted({
    op: 'adjustment',
    actor: 'admin',
    userId: 'rob',
    amount: 10n,
  })
  const second = await ledger.accepted({
    op: 'adjustment',
    actor: 'admin',
    userId: 'rob',
    amount: 5n,
  })
  const who = { tenant, userId: 'rob' }
  expect(await ledger.reader.balanceAt(who, USD, first.updatedAt)).toBe(10n)
  expect(await ledger.reader.balanceAt(who, USD, second.updatedAt)).toBe(15n)
  expect(await ledger.reader.balanceAt(who, USD, '2020-01-01T00:00:00Z')).toBe(0n)
})
