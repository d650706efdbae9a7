import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import type { Command, Outcome, Transaction } from '../../src/ledger/command.ts'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { LimitsAndAlerts } from '../../src/ledger/limits-and-alerts.ts'
import { Reader } from '../../src/ledger/reader.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { createDatabase, type TestDatabase } from '../support/index.ts'

let database: TestDatabase
let sql: Sql
let executor: Executor
let reader: Reader
let store: PostgresEventStore
let auditor: Auditor

beforeAll(async () => {
  database = await createDatabase()
  sql = connect(database.appUrl, { max: 4 })
  executor = new Executor(sql)
  reader = new Reader(sql)
  store = await PostgresEventStore.open(sql)
  auditor = new Auditor(sql)
})

afterAll(async () => {
  await sql?.end()
  await database?.drop()
})

const tenant = 'default'
const USD = 'USD'

function run(command: Partial<Command> & Pick<Command, 'op'>): Promise<Outcome> {
  return executor.execute({
    tenant,
    actor: command.userId ?? 'admin',
    ...(command.transactionId ? {} : { currency: USD }),
    ...command,
  })
}

async function accepted(command: Partial<Command> & Pick<Command, 'op'>): Promise<Transaction> {
  const outcome = await run(command)
  if (!outcome.ok) throw new Error(`refused: ${outcome.code}`)
  return outcome.transaction
}

async function fund(userId: string, amount: bigint): Promise<void> {
  await accepted({ op: 'adjustment', actor: 'admin', userId, amount })
}

async function stateOf(userId: string) {
  const { balance, held } = await reader.balance({ tenant, userId }, USD)
  return { balance, held }
}

async function eventsOf(userId: string) {
  const { events } = await store.eventsAfter({ tenant, userId }, 0, 1_000)
  return events.map(({ seq, event, newBalance }) => [seq, event, newBalance])
}

describe('a topup', () => {
  test('moves no money until it is approved, then moves it once', async () => {
    const topup = await accepted({ op: 'topup_request', userId: 'ann', amount: 5_000n })
    expect(topup).toMatchObject({ type: 'topup', amount: 5_000n, status: 'pending' })
    expect(await stateOf('ann')).toEqual({ balance: 0n, held: 0n })

    const approve = { op: 'topup_process', transactionId: topup.id, status: 'success' } as const
    const done = await accepted(approve)
    expect(done).toMatchObject({
      status: 'success',
      processedBy: 'admin',
      previousBalance: 0n,
      newBalance: 5_000n,
    })
    expect(await run(approve)).toMatchObject({ ok: false, code: 'already_processed' })
    expect(await stateOf('ann')).toEqual({ balance: 5_000n, held: 0n })
    expect(await eventsOf('ann')).toEqual([
      [1, 'balance_updated', 5_000n],
      [2, 'transaction_completed', 5_000n],
    ])
  })

  test('that is rejected gives transaction_failed alone', async () => {
    const topup = await accepted({ op: 'topup_request', userId: 'bea', amount: 5_000n })
    await accepted({ op: 'topup_process', transactionId: topup.id, status: 'failed' })
    expect(await eventsOf('bea')).toEqual([[1, 'transaction_failed', 0n]])
  })

  test('is never approved by the user who asked for it', async () => {
    const topup = await accepted({ op: 'topup_request', userId: 'boss', amount: 5_000n })
    const outcome = await run({
      op: 'topup_process',
      actor: 'boss',
      transactionId: topup.id,
      status: 'success',
    })
    expect(outcome).toMatchObject({ ok: false, code: 'self_approval' })
  })

  test('is cancelled by its own user alone', async () => {
    const topup = await accepted({ op: 'topup_request', userId: 'cat', amount: 5_000n })
    const cancel = { op: 'topup_cancel', transactionId: topup.id } as const
    expect(await run({ ...cancel, userId: 'dan' })).toMatchObject({ ok: false, code: 'not_found' })
    expect(await accepted({ ...cancel, userId: 'cat' })).toMatchObject({ status: 'cancelled' })
  })
})

describe('a payment', () => {
  test('takes the money at once', async () => {
    await fund('eve', 1_000n)
    const payment = await accepted({ op: 'payment', userId: 'eve', amount: 400n })
    expect(payment).toMatchObject({ type: 'booking_payment', amount: -400n, newBalance: 600n })
  })

  test('beyond the balance is refused, and says what is missing', async () => {
    await fund('fay', 1_000n)
    expect(await run({ op: 'payment', userId: 'fay', amount: 1_001n })).toEqual({
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
    expect(await stateOf('fay')).toEqual({ balance: 1_000n, held: 0n })
    expect((await eventsOf('fay')).at(-1)).toEqual([3, 'balance_insufficient', 1_000n])
  })

  test('is refunded in parts, never beyond what was paid', async () => {
    await fund('gus', 1_000n)
    const { id } = await accepted({ op: 'payment', userId: 'gus', amount: 400n })
    await accepted({ op: 'refund', transactionId: id, amount: 150n })
    expect(await run({ op: 'refund', transactionId: id, amount: 251n })).toMatchObject({
      ok: false,
      code: 'refund_exceeds_payment',
      details: { maximum: 250n },
    })
    expect(await accepted({ op: 'refund', transactionId: id })).toMatchObject({ amount: 250n })
    expect(await stateOf('gus')).toEqual({ balance: 1_000n, held: 0n })
  })
})

describe('a transfer', () => {
  test('arrives whole, as one step', async () => {
    await fund('hal', 1_000n)
    await fund('ida', 1n)
    await accepted({ op: 'transfer', userId: 'hal', toUserId: 'ida', amount: 300n })
    expect(await stateOf('hal')).toEqual({ balance: 700n, held: 0n })
    expect(await stateOf('ida')).toEqual({ balance: 301n, held: 0n })
  })

  test('to oneself or to nobody is refused', async () => {
    await fund('jon', 1_000n)
    const send = { op: 'transfer', userId: 'jon', amount: 1n } as const
    expect(await run({ ...send, toUserId: 'jon' })).toMatchObject({ code: 'self_transfer' })
    expect(await run({ ...send, toUserId: 'nobody' })).toMatchObject({ code: 'unknown_user' })
  })
})

describe('a hold', () => {
  test('is counted in every funds check until it is captured or voided', async () => {
    await fund('kim', 1_000n)
    const hold = await accepted({ op: 'hold', userId: 'kim', amount: 800n, expiresIn: 60 })
    expect(await stateOf('kim')).toEqual({ balance: 1_000n, held: 800n })
    expect(await run({ op: 'payment', userId: 'kim', amount: 201n })).toMatchObject({
      code: 'insufficient_funds',
      details: { available: 200n, currentBalance: 1_000n, shortfall: 1n },
    })
    const captured = await accepted({ op: 'hold_capture', transactionId: hold.id, amount: 500n })
    expect(captured).toMatchObject({
      amount: -500n,
      status: 'success',
      heldAmount: 800n,
    })
    expect(await stateOf('kim')).toEqual({ balance: 500n, held: 0n })
  })

  test('of a service is not voided by the user', async () => {
    await fund('lea', 1_000n)
    const hold = await accepted({
      op: 'hold',
      actor: 'booking',
      userId: 'lea',
      amount: 800n,
      expiresIn: 60,
    })
    const outcome = await run({ op: 'hold_void', userId: 'lea', transactionId: hold.id })
    expect(outcome).toMatchObject({ code: 'not_your_hold' })
  })
})

describe('a withdrawal', () => {
  test('holds the money at once, pays it out when processed, frees it when rejected', async () => {
    await fund('max', 1_000n)
    const first = await accepted({ op: 'withdrawal_request', userId: 'max', amount: 600n })
    const second = await accepted({ op: 'withdrawal_request', userId: 'max', amount: 400n })
    expect(await stateOf('max')).toEqual({ balance: 1_000n, held: 1_000n })
    await accepted({ op: 'withdrawal_process', transactionId: first.id, status: 'success' })
    await accepted({ op: 'withdrawal_process', transactionId: second.id, status: 'failed' })
    expect(await stateOf('max')).toEqual({ balance: 400n, held: 0n })
  })
})

describe('an idempotency key', () => {
  test('moves money once for twins that arrive together, and answers both alike', async () => {
    await fund('ned', 1_000n)
    const pay = { op: 'payment', userId: 'ned', amount: 100n, idempotencyKey: 'k' } as const
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => run(pay)))
    const ids = new Set(outcomes.map((outcome) => outcome.ok && outcome.transaction.id))
    expect(ids.size).toBe(1)
    expect(outcomes.filter((outcome) => !outcome.replayed)).toHaveLength(1)
    expect(await stateOf('ned')).toEqual({ balance: 900n, held: 0n })
    expect(await run({ ...pay, amount: 101n })).toMatchObject({ code: 'idempotency_key_reused' })
  })

  test('remembers a refusal', async () => {
    const pay = { op: 'payment', userId: 'oli', amount: 100n, idempotencyKey: 'k' } as const
    expect(await run(pay)).toMatchObject({ code: 'insufficient_funds', replayed: false })
    await fund('oli', 1_000n)
    expect(await run(pay)).toMatchObject({ code: 'insufficient_funds', replayed: true })
  })
})

test('nobody gives money to themselves, in whatever batch', async () => {
  await fund('own', 1_000n)
  await fund('aid', 1_000n)
  const paid = await accepted({ op: 'payment', userId: 'own', amount: 400n })
  const topup = await accepted({ op: 'topup_request', userId: 'own', amount: 400n })
  const asked = await accepted({ op: 'withdrawal_request', userId: 'own', amount: 100n })
  const outcomes = await Promise.all([
    run({ op: 'payment', userId: 'aid', amount: 1n }),
    run({ op: 'adjustment', actor: 'own', userId: 'own', amount: 5n }),
    run({ op: 'adjustment', actor: 'own', userId: 'own', amount: -5n }),
    run({ op: 'refund', actor: 'own', transactionId: paid.id }),
    run({ op: 'refund', actor: 'own', transactionId: paid.id, amount: 1n }),
    run({ op: 'topup_process', actor: 'own', transactionId: topup.id, status: 'success' }),
    run({ op: 'withdrawal_process', actor: 'own', transactionId: asked.id, status: 'success' }),
    run({ op: 'withdrawal_process', actor: 'own', transactionId: asked.id, status: 'failed' }),
    run({ op: 'adjustment', actor: 'own', userId: 'aid', amount: 5n }),
  ])
  const codes = outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.code))
  expect(codes).toEqual(['ok', ...Array(7).fill('self_approval'), 'ok'])
  expect(await stateOf('own')).toEqual({ balance: 600n, held: 100n })
})

test('what a commit tells its process to publish is what the streams keep', async () => {
  const published: LedgerEvent[] = []
  const telling = new Executor(sql, {
    onCommitted: async ({ events }) => {
      published.push(...events)
    },
  })
  const say = (command: Partial<Command> & Pick<Command, 'op'>) =>
    telling.execute({ tenant, actor: 'admin', currency: USD, ...command })
  await say({ op: 'adjustment', userId: 'tom', amount: 1_000n })
  await say({ op: 'adjustment', userId: 'una', amount: 1n })
  const policies = new LimitsAndAlerts(sql)
  const watched = { threshold: 500n, direction: 'below', currency: USD } as const
  await policies.putMonitor({ tenant, userId: 'tom', ...watched })
  await Promise.all([
    say({ op: 'transfer', userId: 'tom', toUserId: 'una', amount: 600n, traceparent: 'trace' }),
    say({ op: 'payment', userId: 'tom', amount: 401n }),
    say({ op: 'topup_request', userId: 'una', amount: 5n }),
  ])
  const topup = await say({ op: 'topup_request', userId: 'tom', amount: 5n })
  if (!topup.ok) throw new Error(topup.code)
  await say({ op: 'topup_process', transactionId: topup.transaction.id, status: 'failed' })

  const kept = await Promise.all(
    ['tom', 'una'].map((userId) => store.eventsAfter({ tenant, userId }, 0, 100)),
  )
  expect(kept.map(({ events }) => events.length)).toEqual([7, 4])
  for (const { events } of kept) {
    expect(published.filter(({ userId }) => userId === events[0]?.userId)).toEqual(events)
  }
})

test('a poisoned command fails alone, and its neighbours go through', async () => {
  await fund('pam', 1_000n)
  const good = { op: 'payment', userId: 'pam', amount: 1n } as const
  const bad = { ...good, transactionId: 'no uuid' }
  const results = await Promise.allSettled([run(good), run(bad), run(good)])
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await stateOf('pam')).toEqual({ balance: 998n, held: 0n })
})

test('entries are never changed: by the application for want of the right, by the owner for the trigger', async () => {
  await fund('quin', 1_000n)
  const owner = connect(database.ownerUrl, { max: 1 })
  try {
    for (const change of [
      'update entries set amount = 1',
      'delete from entries',
      'truncate entries',
    ]) {
      await expect(sql.unsafe(change)).rejects.toThrow(/permission denied/)
      await expect(owner.unsafe(change)).rejects.toThrow(/append-only/)
    }
  } finally {
    await owner.end()
  }
})

test('the balance as it stood at any time is the one after the newest entry of then', async () => {
  const first = await accepted({ op: 'adjustment', actor: 'admin', userId: 'rob', amount: 10n })
  const second = await accepted({ op: 'adjustment', actor: 'admin', userId: 'rob', amount: 5n })
  const who = { tenant, userId: 'rob' }
  expect(await reader.balanceAt(who, USD, first.updatedAt)).toBe(10n)
  expect(await reader.balanceAt(who, USD, second.updatedAt)).toBe(15n)
  expect(await reader.balanceAt(who, USD, '2020-01-01T00:00:00Z')).toBe(0n)
})

test('recalculate repairs a snapshot, and audit finds it before and nothing after', async () => {
  await fund('sue', 1_000n)
  const owner = connect(database.ownerUrl, { max: 1 })
  await owner`update balance_snapshots set balance = balance + 1 where user_id = 'sue'`
  await owner.end()
  const audit = await auditor.audit(tenant)
  expect(audit.inaccurate).toBe(1)
  expect(audit.discrepancies[0]).toMatchObject({ userId: 'sue', snapshotBalance: 1_001n })
  expect(await auditor.recalculate({ tenant, userId: 'sue' }, USD)).toMatchObject({
    previousBalance: 1_001n,
    newBalance: 1_000n,
  })
  expect(await auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})
