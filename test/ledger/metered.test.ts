import { describe, expect } from 'vitest'
import type { Command, Transaction } from '../../src/ledger/command.ts'
import { HoldExpiry } from '../../src/ledger/maintenance.ts'
import { eventually } from '../support/index.ts'
import { type Sample, silent, tenant, test } from '../support/ledger/sample.ts'

/** A hold that a service opened for a user with some money. */
async function metered(
  ledger: Sample,
  userId: string,
  { funds = 1_000n, amount = 100n, ...rest }: Partial<Command> & { funds?: bigint } = {},
): Promise<Transaction> {
  await ledger.fund(userId, funds)
  return ledger.accepted({ op: 'hold', actor: 'model', userId, amount, expiresIn: 3_600, ...rest })
}

const capture = (ledger: Sample, id: string, amount?: bigint, rest: Partial<Command> = {}) =>
  ledger.run({
    ...{ op: 'hold_capture', actor: 'model', transactionId: id, final: false, ...rest },
    ...(amount !== undefined && { amount }),
  })

const extend = (ledger: Sample, id: string, rest: Partial<Command>) =>
  ledger.run({ op: 'hold_extend', actor: 'model', transactionId: id, ...rest })

const namesOf = async (ledger: Sample, userId: string) =>
  (await ledger.eventsOf(userId)).map(([, name]) => name).slice(2)

const entriesOf = (ledger: Sample, id: string) =>
  ledger.owner`select amount::int from entries where transaction_id = ${id}`

const isAccurate = async (ledger: Sample, userId: string) => {
  const { discrepancies } = await ledger.auditor.audit(tenant)
  expect(discrepancies.filter((one) => one.userId === userId)).toEqual([])
}

describe('captures that are not final', () => {
  test('are counted on the hold, stay held, and are one entry at its end', async ({ ledger }) => {
    const { id } = await metered(ledger, 'ann')
    for (const amount of [30n, 1n, 9n]) {
      expect(await capture(ledger, id, amount)).toMatchObject({
        transaction: { status: 'pending', amount: -100n, newBalance: null },
      })
      expect(await ledger.stateOf('ann')).toEqual({ balance: 1_000n, held: 100n })
    }
    expect(await ledger.reader.transaction(tenant, id)).toMatchObject({ capturedAmount: 40n })
    expect(await entriesOf(ledger, id)).toEqual([])
    expect(await capture(ledger, id, 5n, { final: true })).toMatchObject({
      transaction: {
        status: 'success',
        amount: -45n,
        capturedAmount: 45n,
        heldAmount: 100n,
        newBalance: 955n,
      },
    })
    expect(await ledger.stateOf('ann')).toEqual({ balance: 955n, held: 0n })
    expect(await entriesOf(ledger, id)).toEqual([{ amount: 45 }])
    await isAccurate(ledger, 'ann')
  })

  test.for([
    ['released', 'hold_void', 'cancelled'],
    ['expired', 'hold_expire', 'expired'],
  ] as const)(
    'are charged when the hold is %s, and nothing is if there were none',
    async ([how, op, status], { ledger }) => {
      const [used, unused] = [
        await metered(ledger, `used-${how}`),
        await metered(ledger, `unused-${how}`),
      ]
      await capture(ledger, used.id, 40n)
      await ledger.owner`
      update transactions set expires_at = created_at where id in ${ledger.owner([used.id, unused.id])}`
      expect(await capture(ledger, used.id, 1n)).toMatchObject({ code: 'hold_expired' })
      const end = (id: string) => ledger.run({ op, actor: 'system', transactionId: id })
      expect(await end(used.id)).toMatchObject({ transaction: { status: 'success', amount: -40n } })
      expect(await end(unused.id)).toMatchObject({ transaction: { status, capturedAmount: 0n } })
      expect(await ledger.stateOf(`used-${how}`)).toEqual({ balance: 960n, held: 0n })
      expect(await ledger.stateOf(`unused-${how}`)).toEqual({ balance: 1_000n, held: 0n })
      expect((await namesOf(ledger, `used-${how}`)).slice(-2)).toEqual([
        'balance_updated',
        'transaction_completed',
      ])
      expect((await namesOf(ledger, `unused-${how}`)).slice(-2)).toEqual([
        'available_changed',
        'transaction_failed',
      ])
      await isAccurate(ledger, `used-${how}`)
    },
  )

  test('are charged at the end though the wallet was frozen since, and no more are taken', async ({
    ledger,
  }) => {
    const { id } = await metered(ledger, 'max')
    await capture(ledger, id, 40n)
    await ledger.sql`select set_freeze(${tenant}, 'max', 'USD', true, true, null, 'ada')`
    expect(await capture(ledger, id, 1n)).toMatchObject({ code: 'wallet_frozen' })
    expect(await ledger.run({ op: 'hold_void', transactionId: id })).toMatchObject({
      transaction: { status: 'success', amount: -40n },
    })
  })

  test('write the row of the hold and nothing else', async ({ ledger }) => {
    const { id } = await metered(ledger, 'ben')
    const [before] = await rows(ledger, 'ben')
    expect(await capture(ledger, id, 10n)).toMatchObject({ ok: true })
    expect(await rows(ledger, 'ben')).toEqual([before])
  })

  test('count once for a key', async ({ ledger }) => {
    const { id } = await metered(ledger, 'cid')
    const same = { idempotencyKey: 'chunk-1' }
    const outcomes = await Promise.all([
      capture(ledger, id, 10n, same),
      capture(ledger, id, 10n, same),
    ])
    expect(outcomes.map(({ replayed }) => replayed).sort()).toEqual([false, true])
    expect(await capture(ledger, id, 11n, same)).toMatchObject({ code: 'idempotency_key_reused' })
    expect(await ledger.reader.transaction(tenant, id)).toMatchObject({ capturedAmount: 10n })
  })

  test('never exceed the hold, and say what is left of it', async ({ ledger }) => {
    const { id } = await metered(ledger, 'dan')
    await capture(ledger, id, 70n)
    expect(await capture(ledger, id, 31n)).toMatchObject({
      code: 'capture_exceeds_hold',
      details: { maximum: 30n, heldAmount: 100n, capturedAmount: 70n },
    })
    expect(await capture(ledger, id)).toMatchObject({ transaction: { capturedAmount: 100n } })
    expect(await capture(ledger, id)).toMatchObject({
      code: 'capture_exceeds_hold',
      details: { maximum: 0n },
    })
  })

  test('take what is missing from the balance if the hold says so, as far as it goes', async ({
    ledger,
  }) => {
    const { id } = await metered(ledger, 'eve', { funds: 150n, overage: 'balance' })
    expect(await capture(ledger, id, 120n)).toMatchObject({
      transaction: { amount: -120n, capturedAmount: 120n },
    })
    expect(await ledger.stateOf('eve')).toEqual({ balance: 150n, held: 120n })
    expect(await capture(ledger, id, 31n)).toMatchObject({
      code: 'capture_exceeds_hold',
      details: { maximum: 30n },
    })
    expect(await capture(ledger, id, 30n, { final: true })).toMatchObject({
      transaction: { amount: -150n },
    })
    expect(await ledger.stateOf('eve')).toEqual({ balance: 0n, held: 0n })
    await isAccurate(ledger, 'eve')
  })

  test('above the hold stay within the spending limits', async ({ ledger }) => {
    const { id } = await metered(ledger, 'fay', { overage: 'balance' })
    await ledger.limitsAndAlerts.putLimit({
      ...{ tenant, userId: 'fay', type: 'hold', currency: 'USD' },
      ...{ maxAmount: 150n, maxSum: null, windowSeconds: null },
    })
    expect(await capture(ledger, id, 151n)).toMatchObject({
      code: 'limit_exceeded',
      details: { maximum: 50n },
    })
    expect(await capture(ledger, id, 150n)).toMatchObject({ ok: true })
  })
})

/** Where the rows of a user's wallet and balance are: every update moves them. */
const rows = (ledger: Sample, userId: string) => ledger.owner`
  select w.ctid::text as wallet, s.ctid::text as snapshot, w.seq,
    (select count(*) from outbox) as outbox, (select count(*) from entries) as entries
  from wallets w join balance_snapshots s on s.wallet_id = w.id where w.user_id = ${userId}`

describe('an extension', () => {
  test('holds more and for longer, by the rules of a new hold', async ({ ledger }) => {
    const { id, expiresAt = '' } = await metered(ledger, 'gus', { funds: 150n })
    const outcome = await extend(ledger, id, { amount: 50n, expiresIn: 7_200 })
    expect(outcome).toMatchObject({ transaction: { amount: -150n, status: 'pending' } })
    expect(outcome.ok && (outcome.transaction.expiresAt ?? '') > expiresAt).toBe(true)
    expect(await ledger.stateOf('gus')).toEqual({ balance: 150n, held: 150n })
    expect(await extend(ledger, id, { amount: 1n })).toMatchObject({
      code: 'insufficient_funds',
      details: { shortfall: 1n },
    })
    expect(await namesOf(ledger, 'gus')).toEqual([
      'available_changed',
      'available_changed',
      'balance_insufficient',
    ])
    expect((await ledger.store.eventsAfter({ tenant, userId: 'gus' }, 4, 9)).events).toMatchObject([
      { event: 'balance_insufficient', userId: 'gus', requiredAmount: 1n, available: 0n },
    ])
    await isAccurate(ledger, 'gus')
  })

  test('never shortens the time, and is of the one who opened the hold', async ({ ledger }) => {
    const { id, expiresAt } = await metered(ledger, 'hal')
    expect(await extend(ledger, id, { expiresIn: 60 })).toMatchObject({
      transaction: { expiresAt },
    })
    expect(await extend(ledger, id, { actor: 'hal', userId: 'hal', amount: 1n })).toMatchObject({
      code: 'not_your_hold',
    })
    expect(await extend(ledger, id, {})).toMatchObject({ code: 'invalid_command' })
    await ledger.owner`update transactions set expires_at = created_at where id = ${id}`
    expect(await extend(ledger, id, { expiresIn: 60 })).toMatchObject({ code: 'hold_expired' })
  })

  test('stays within the spending limits', async ({ ledger }) => {
    await ledger.fund('ira', 1_000n)
    await ledger.limitsAndAlerts.putLimit({
      ...{ tenant, userId: 'ira', type: 'hold', currency: 'USD' },
      ...{ maxAmount: null, maxSum: 120n, windowSeconds: 3_600 },
    })
    const { id } = await metered(ledger, 'ira')
    expect(await extend(ledger, id, { amount: 21n })).toMatchObject({
      code: 'limit_exceeded',
      details: { limit: 'sum', maximum: 20n },
    })
    expect(await extend(ledger, id, { amount: 20n })).toMatchObject({ ok: true })
  })
})

describe('the events of a hold', () => {
  test('say once that nothing is left, and again after an extension', async ({ ledger }) => {
    const { id } = await metered(ledger, 'jan')
    await capture(ledger, id, 90n)
    await capture(ledger, id, 11n)
    await capture(ledger, id, 11n)
    await capture(ledger, id, 10n)
    await capture(ledger, id, 1n)
    await extend(ledger, id, { amount: 5n })
    await capture(ledger, id, 5n)
    expect(await namesOf(ledger, 'jan')).toEqual([
      'available_changed',
      // The capture of 11 that was refused, and the one of 10 that took the rest.
      ...['hold_exhausted', 'hold_exhausted'],
      ...['available_changed', 'hold_exhausted'],
    ])
    const { events } = await ledger.store.eventsAfter({ tenant, userId: 'jan' }, 3, 9)
    expect(events[0]).toMatchObject({
      ...{ event: 'hold_exhausted', transactionId: id, service: 'model', available: 900n },
      ...{ heldAmount: 100n, capturedAmount: 90n, remaining: 10n, overage: 'refuse' },
    })
  })

  test('warn once of its end, whoever looks and whatever breaks, and again after it was put off', async ({
    ledger,
  }) => {
    const { id } = await metered(ledger, 'kim', { expiresIn: 50 })
    const other = await metered(ledger, 'kim', { expiresIn: 500 })
    const sweepers = Array.from(
      { length: 3 },
      () => new HoldExpiry({ ...ledger, log: silent, holdExpiringSeconds: 60, intervalMs: 20 }),
    )
    const warnings = async () =>
      (await namesOf(ledger, 'kim')).filter((name) => name === 'hold_expiring').length
    // The first command that warns loses its connection, after it was applied.
    const killed = ledger.owner`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename <> current_user`
    for (const one of sweepers) one.start()
    await killed
    await eventually(async () => expect(await warnings()).toBe(1))
    await extend(ledger, id, { expiresIn: 55 })
    await eventually(async () => expect(await warnings()).toBe(2))
    await extend(ledger, other.id, { amount: 1n })
    await Promise.all(sweepers.map((one) => one.stop()))
    const again = new HoldExpiry({
      ...ledger,
      log: silent,
      holdExpiringSeconds: 60,
      intervalMs: 20,
    })
    again.start()
    await again.stop()
    expect(await warnings()).toBe(2)
  })
})

test('a hold that is partly captured frees only its rest', async ({ ledger }) => {
  const { id } = await metered(ledger, 'lea', { funds: 100n, expiresIn: 60 })
  await capture(ledger, id, 40n)
  const afford = (amount: bigint) =>
    ledger.reader.canAfford(
      { tenant, userId: 'lea' },
      { amount, currency: 'USD', type: 'booking_payment' },
    )
  expect(await afford(60n)).toMatchObject({ reason: 'hold', freesAt: expect.any(String) })
  expect(await afford(61n)).toEqual({ reason: 'hold', available: 0n })
})
