import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import { Executor } from '../../src/ledger/executor.ts'
import type {
  PaymentEvent,
  PaymentEventKind,
  TakeBackRules,
} from '../../src/ledger/provider-event.ts'
import { ProviderLedger } from '../../src/ledger/provider-events.ts'
import { Reader } from '../../src/ledger/reader.ts'
import { connect } from '../../src/postgres/database.ts'
import { test as base } from '../support/fixtures.ts'
import { eventually } from '../support/index.ts'

const ADMIN = { tenant: 'default', actor: 'ada' }

/** A user with a topup of 50.00 USD, and the provider that reports on its payment. */
const test = base.extend('payer', async ({ sql }) => {
  const executor = new Executor(sql)
  const reader = new Reader(sql)
  const userId = `payer-${randomUUID()}`
  const who = { tenant: 'default', userId }
  const requested = await executor.execute({
    ...{ ...who, op: 'topup_request', actor: userId, amount: 5_000n, currency: 'USD' },
  })
  if (!requested.ok) throw new Error(requested.code)
  const topupId = requested.transaction.id
  const event = (kind: PaymentEventKind, more: Partial<PaymentEvent> = {}): PaymentEvent => ({
    ...{ provider: 'test', eventId: randomUUID(), kind, paymentId: `pay-${topupId}` },
    ...{ topup: { tenant: 'default', id: topupId }, amount: 5_000n, currency: 'USD' },
    ...more,
  })
  return {
    ...{ userId, who, topupId, executor, event },
    ledger: (rules?: TakeBackRules) => new ProviderLedger(sql, rules && { rules }),
    balance: async () => (await reader.balance(who, 'USD')).balance,
    held: async () => (await reader.balance(who, 'USD')).held,
    topup: async () => await reader.transaction('default', topupId),
    spend: (amount: bigint) =>
      executor.execute({ ...who, op: 'payment', actor: userId, amount, currency: 'USD' }),
    events: async () =>
      (await new ProviderLedger(sql).events({ tenant: 'default', userId, limit: 100 })).items,
    debts: async () =>
      (await new ProviderLedger(sql).debts({ tenant: 'default', userId, limit: 100 })).items,
    names: async () => {
      const rows = await sql<{ event: string }[]>`
        select event from events join wallets w on w.id = wallet_id
        where w.user_id = ${userId} order by events.seq`
      return rows.map((row) => row.event)
    },
  }
})

const outcome = (recorded: { outcome: string; reason: string | null }) =>
  recorded.reason === null ? recorded.outcome : `${recorded.outcome} ${recorded.reason}`

describe('a payment', () => {
  test('settles its topup in the name of the provider', async ({ payer }) => {
    expect(outcome(await payer.ledger().record(payer.event('succeeded')))).toBe('applied')
    expect(await payer.topup()).toMatchObject({ status: 'success', processedBy: 'provider:test' })
    expect(await payer.balance()).toBe(5_000n)
    expect(await payer.names()).toEqual(['balance_updated', 'transaction_completed'])
  })

  test('settles it once: the same event 20 times at once', async ({ payer }) => {
    const event = payer.event('succeeded')
    const recorded = await Promise.all(
      Array.from({ length: 20 }, () => payer.ledger().record(event)),
    )
    expect(recorded.map(outcome)).toEqual(Array.from({ length: 20 }, () => 'applied'))
    expect(recorded.filter(({ repeated }) => !repeated)).toHaveLength(1)
    expect([await payer.balance(), (await payer.events()).length]).toEqual([5_000n, 1])
  })

  test('settles it once: two events of one payment at once', async ({ payer }) => {
    const ledger = payer.ledger()
    const recorded = await Promise.all([
      ledger.record(payer.event('succeeded')),
      ledger.record(payer.event('succeeded')),
    ])
    expect(recorded.map(outcome).sort()).toEqual(['applied', 'ignored already_credited'])
    expect(await payer.balance()).toBe(5_000n)
  })

  test.for([
    ['of another amount', { amount: 4_999n }, 'amount_mismatch'],
    ['of an amount that is none', { amount: undefined }, 'amount_mismatch'],
    ['in another currency', { currency: 'EUR' }, 'currency_mismatch'],
  ] as const)('%s waits for an admin, and the topup says why', async ([, more, why], { payer }) => {
    const ledger = payer.ledger()
    const { amount, ...event } = { ...payer.event('succeeded'), ...more }
    expect(outcome(await ledger.record({ ...event, ...(amount && { amount }) }))).toBe(
      `waiting ${why}`,
    )
    expect(await payer.topup()).toMatchObject({
      status: 'pending',
      processedBy: null,
      metadata: { paymentProblem: why },
    })
    expect([await payer.balance(), await payer.names()]).toEqual([0n, []])
    // The second event of the payment is no second case for the admin.
    expect(outcome(await ledger.record(payer.event('succeeded', { amount: 1n })))).toBe(
      'ignored already_waiting',
    )
    const [waiting] = await payer.events()
    const own = await ledger.resolve('default', waiting?.id ?? '', payer.userId, 'paid back')
    expect(own).toBe('self_approval')
    const resolved = await ledger.resolve('default', waiting?.id ?? '', 'ada', 'paid back')
    expect(resolved).toMatchObject({ outcome: 'resolved', resolvedBy: 'ada' })
    expect(await ledger.resolve('default', waiting?.id ?? '', 'ada', 'again')).toBeUndefined()
    expect(
      await ledger.resolve('default', waiting?.id ?? '', payer.userId, 'again'),
    ).toBeUndefined()
    expect(await ledger.resolve('other', waiting?.id ?? '', 'ada', 'again')).toBeUndefined()
  })

  test.for(['cancelled', 'failed', 'success'] as const)(
    'for a topup that is %s already waits, and is not lost',
    async (status, { payer }) => {
      const { transactionId, ...common } = { ...ADMIN, transactionId: payer.topupId }
      await payer.executor.execute(
        status === 'cancelled'
          ? { ...common, transactionId, op: 'topup_cancel' }
          : { ...common, transactionId, op: 'topup_process', status },
      )
      const before = await payer.balance()
      expect(outcome(await payer.ledger().record(payer.event('succeeded')))).toBe(
        `waiting topup_${status}`,
      )
      expect([await payer.balance(), (await payer.topup())?.status]).toEqual([before, status])
    },
  )

  test('that is the second for a topup waits: its money is one too many', async ({ payer }) => {
    const ledger = payer.ledger()
    await ledger.record(payer.event('succeeded'))
    const second = payer.event('succeeded', { paymentId: `pay-2-${payer.topupId}` })
    expect(outcome(await ledger.record(second))).toBe('waiting topup_success')
    expect(await payer.balance()).toBe(5_000n)
  })

  test('of a topup that nobody knows waits', async ({ payer }) => {
    const topup = { tenant: 'default', id: randomUUID() }
    const unknown = payer.event('succeeded', { topup, paymentId: randomUUID() })
    expect(outcome(await payer.ledger().record(unknown))).toBe('waiting topup_unknown')
    const elsewhere = payer.event('succeeded', { topup: { tenant: 'other', id: payer.topupId } })
    expect(outcome(await payer.ledger().record(elsewhere))).toBe('waiting topup_unknown')
    expect(await payer.balance()).toBe(0n)
  })

  test('that failed for good fails the topup, and an attempt does not', async ({ payer }) => {
    const ledger = payer.ledger()
    const attempt = payer.event('attempt_failed', { detail: 'card_declined' })
    expect(outcome(await ledger.record(attempt))).toBe('ignored can_be_tried_again')
    expect((await payer.topup())?.status).toBe('pending')
    const failed = payer.event('failed', { detail: 'abandoned' })
    expect(outcome(await ledger.record(failed))).toBe('applied abandoned')
    expect(await payer.topup()).toMatchObject({ status: 'failed', processedBy: 'provider:test' })
    expect(await payer.names()).toEqual(['transaction_failed'])
    expect(outcome(await ledger.record(payer.event('failed')))).toBe('ignored topup_failed')
  })

  test('that fails after it succeeded changes nothing', async ({ payer }) => {
    const ledger = payer.ledger()
    await ledger.record(payer.event('succeeded'))
    expect(outcome(await ledger.record(payer.event('failed')))).toBe('ignored topup_success')
    expect(await payer.balance()).toBe(5_000n)
  })
})

describe('a refund', () => {
  test('is taken from the wallet, in parts and each once', async ({ payer }) => {
    const ledger = payer.ledger()
    await ledger.record(payer.event('succeeded'))
    const total = (amount: bigint) => payer.event('refunded', { amount, isTotal: true })
    expect(outcome(await ledger.record(total(2_000n)))).toBe('applied')
    expect(outcome(await ledger.record(total(2_000n)))).toBe('ignored already_refunded')
    expect(outcome(await ledger.record(payer.event('refunded', { amount: 500n })))).toBe('applied')
    expect(outcome(await ledger.record(total(3_000n)))).toBe('applied')
    expect(await payer.balance()).toBe(2_000n)
    expect(outcome(await ledger.record(payer.event('refunded', { amount: 2_001n })))).toBe(
      'waiting refund_exceeds_payment',
    )
    const yen = payer.event('refunded', { currency: 'JPY' })
    expect(outcome(await ledger.record(yen))).toBe('waiting currency_mismatch')
    expect(await payer.balance()).toBe(2_000n)
  })

  test('that comes before the success is applied after it', async ({ payer }) => {
    const ledger = payer.ledger()
    const refund = payer.event('refunded', { amount: 2_000n })
    expect(outcome(await ledger.record(refund))).toBe('parked not_credited')
    expect(await payer.balance()).toBe(0n)
    await ledger.record(payer.event('succeeded'))
    expect(await payer.balance()).toBe(3_000n)
    expect((await payer.events()).map(outcome)).toEqual(['applied', 'applied'])
  })

  test('and the success at the same time, in either order, give the same', async ({ payer }) => {
    const ledger = payer.ledger()
    await Promise.all([
      ledger.record(payer.event('refunded', { amount: 2_000n })),
      ledger.record(payer.event('succeeded')),
    ])
    await eventually(async () => expect(await payer.balance()).toBe(3_000n))
  })

  test('of money that waits for an admin waits too', async ({ payer }) => {
    const ledger = payer.ledger()
    await ledger.record(payer.event('succeeded', { amount: 1n }))
    expect(outcome(await ledger.record(payer.event('refunded')))).toBe('waiting not_credited')
  })

  test('never takes more than there is: the rest is a debt', async ({ payer }) => {
    const ledger = payer.ledger()
    await ledger.record(payer.event('succeeded'))
    await payer.spend(3_500n)
    expect(outcome(await ledger.record(payer.event('refunded')))).toBe('applied insufficient_funds')
    expect(await payer.balance()).toBe(0n)
    expect(await payer.debts()).toMatchObject([{ amount: 3_500n, status: 'open', cause: 'refund' }])
    expect(await payer.names()).not.toContain('balance_insufficient')
  })

  test('can be a hold', async ({ payer }) => {
    const ledger = payer.ledger({ refunds: 'hold', disputes: 'hold' })
    await ledger.record(payer.event('succeeded'))
    await ledger.record(payer.event('refunded', { amount: 2_000n }))
    expect([await payer.balance(), await payer.held()]).toEqual([5_000n, 2_000n])
  })

  test('that failed at the provider waits for an admin', async ({ payer }) => {
    const ledger = payer.ledger()
    await ledger.record(payer.event('succeeded'))
    expect(outcome(await ledger.record(payer.event('refund_failed')))).toBe('waiting refund_failed')
  })

  test('after one that failed counts again, and is never ignored in silence', async ({ payer }) => {
    const ledger = payer.ledger()
    await ledger.record(payer.event('succeeded'))
    const total = (amount: bigint) => payer.event('refunded', { amount, isTotal: true })
    await ledger.record(total(1_000n))
    await ledger.record(payer.event('refund_failed', { amount: 1_000n }))
    const gift = { ...payer.who, op: 'adjustment', currency: 'USD', actor: 'ada' } as const
    await payer.executor.execute({ ...gift, amount: 1_000n })
    // The provider counts from what it has really given back.
    expect(outcome(await ledger.record(total(1_000n)))).toBe('applied')
    expect(await payer.balance()).toBe(4_000n)
    // Nobody can say which refund this tells of.
    expect(outcome(await ledger.record(total(1_000n)))).toBe('waiting refund_failed')
    expect(await payer.balance()).toBe(4_000n)
    expect(outcome(await ledger.record(payer.event('refunded', { amount: 4_000n })))).toBe(
      'applied',
    )
    expect(await payer.balance()).toBe(0n)
  })
})

describe('a debt', () => {
  test('is collected as far as there is money, and written off', async ({ payer, sql }) => {
    const ledger = payer.ledger()
    await ledger.record(payer.event('succeeded'))
    await payer.spend(5_000n)
    await ledger.record(payer.event('refunded'))
    const [debt] = await payer.debts()
    const settle = (action: 'collect' | 'write_off', by = 'ada', tenant = 'default') =>
      ledger.settleDebt(tenant, debt?.id ?? '', by, action)
    expect(await settle('collect')).toMatchObject({ refusal: 'insufficient_funds' })
    const gift = { ...payer.who, op: 'adjustment', currency: 'USD', actor: 'ada' } as const
    await payer.executor.execute({ ...gift, amount: 2_000n })
    for (const action of ['collect', 'write_off'] as const) {
      expect(await settle(action, payer.userId)).toMatchObject({
        ...{ refusal: 'self_approval', debt: { status: 'open', closedBy: null } },
      })
    }
    expect(await settle('collect', 'ada', 'other')).toBeUndefined()
    expect(await settle('collect')).toMatchObject({ debt: { collected: 2_000n, status: 'open' } })
    expect(await payer.balance()).toBe(0n)
    expect(await settle('write_off')).toMatchObject({
      debt: { collected: 2_000n, status: 'written_off', closedBy: 'ada' },
    })
    expect(await settle('collect')).toBeUndefined()
    expect((await new Auditor(sql).audit('default')).discrepancies).toEqual([])
  })
})

describe('a dispute', () => {
  const dispute = { disputeId: 'set by each test' }
  test.beforeEach(({ payer }) => {
    dispute.disputeId = `dp-${payer.topupId}`
  })
  const byHold: TakeBackRules = { refunds: 'adjustment', disputes: 'hold' }
  const byAdjustment: TakeBackRules = { refunds: 'adjustment', disputes: 'adjustment' }

  test.for([
    ['hold', 'dispute_won', 5_000n],
    ['hold', 'dispute_lost', 0n],
    ['adjustment', 'dispute_won', 5_000n],
    ['adjustment', 'dispute_lost', 0n],
  ] as const)('taken by %s, then %s', async ([by, end, left], { payer }) => {
    const ledger = payer.ledger(by === 'hold' ? byHold : byAdjustment)
    await ledger.record(payer.event('succeeded'))
    // Only its payment says which topup it is about.
    const { topup: _, ...opened } = payer.event('disputed', dispute)
    expect(outcome(await ledger.record(opened))).toBe('applied')
    expect([await payer.balance(), await payer.held()]).toEqual(
      by === 'hold' ? [5_000n, 5_000n] : [0n, 0n],
    )
    const { topup: __, ...closed } = payer.event(end, dispute)
    expect(outcome(await ledger.record(closed))).toBe('applied')
    expect([await payer.balance(), await payer.held()]).toEqual([left, 0n])
    const again = { ...closed, eventId: randomUUID() }
    expect(outcome(await ledger.record(again))).toBe('ignored already_closed')
    expect(await payer.balance()).toBe(left)
  })

  test('that ends before it opens, before the payment, comes out right', async ({ payer }) => {
    const ledger = payer.ledger(byHold)
    const { topup: _, ...opened } = payer.event('disputed', dispute)
    const { topup: __, ...lost } = payer.event('dispute_lost', dispute)
    expect(outcome(await ledger.record(lost))).toBe('parked payment_unknown')
    expect(outcome(await ledger.record(opened))).toBe('parked payment_unknown')
    await ledger.record(payer.event('succeeded'))
    expect([await payer.balance(), await payer.held()]).toEqual([0n, 0n])
    expect((await payer.events()).map(outcome)).toEqual(['applied', 'applied', 'applied'])
  })

  test('whose hold was ended by hand waits, and takes nothing twice', async ({ payer }) => {
    const ledger = payer.ledger(byHold)
    await ledger.record(payer.event('succeeded'))
    await ledger.record(payer.event('disputed', dispute))
    const [, opened] = await payer.events()
    const transactionId = opened?.transactionId ?? ''
    await payer.executor.execute({ ...ADMIN, op: 'hold_capture', transactionId, amount: 3_000n })
    expect(outcome(await ledger.record(payer.event('dispute_lost', dispute)))).toBe(
      'waiting already_processed',
    )
    expect(await payer.balance()).toBe(2_000n)
  })

  test('that is won gives back what was collected of its debt', async ({ payer }) => {
    const ledger = payer.ledger(byHold)
    await ledger.record(payer.event('succeeded'))
    await payer.spend(4_000n)
    await ledger.record(payer.event('disputed', dispute))
    const [debt] = await payer.debts()
    expect([await payer.held(), debt?.amount]).toEqual([1_000n, 4_000n])
    const gift = { ...payer.who, op: 'adjustment', currency: 'USD', actor: 'ada' } as const
    await payer.executor.execute({ ...gift, amount: 3_000n })
    await ledger.settleDebt('default', debt?.id ?? '', 'ada', 'collect')
    expect(await payer.balance()).toBe(1_000n)
    await ledger.record(payer.event('dispute_won', dispute))
    expect([await payer.balance(), await payer.held()]).toEqual([4_000n, 0n])
    expect(await payer.debts()).toMatchObject([{ status: 'cancelled', closedBy: 'provider:test' }])
  })

  test('that is won gives back what was collected before the rest was written off', async ({
    payer,
  }) => {
    const ledger = payer.ledger(byHold)
    await ledger.record(payer.event('succeeded'))
    await payer.spend(4_000n)
    await ledger.record(payer.event('disputed', dispute))
    const [debt] = await payer.debts()
    const gift = { ...payer.who, op: 'adjustment', currency: 'USD', actor: 'ada' } as const
    await payer.executor.execute({ ...gift, amount: 3_000n })
    await ledger.settleDebt('default', debt?.id ?? '', 'ada', 'collect')
    await ledger.settleDebt('default', debt?.id ?? '', 'ada', 'write_off')
    await ledger.record(payer.event('dispute_won', dispute))
    expect([await payer.balance(), await payer.held()]).toEqual([4_000n, 0n])
    expect(await payer.debts()).toMatchObject([{ status: 'written_off', closedBy: 'ada' }])
  })

  test('that is reported in two events takes its money once', async ({ payer }) => {
    const ledger = payer.ledger(byAdjustment)
    const opened = () => payer.event('disputed', { ...dispute, amount: 2_000n })
    // One comes before the payment, and waits for it.
    await ledger.record(opened())
    await ledger.record(payer.event('succeeded'))
    expect(outcome(await ledger.record(opened()))).toBe('ignored already_disputed')
    expect(await payer.balance()).toBe(3_000n)
    await ledger.record(payer.event('dispute_won', dispute))
    expect(await payer.balance()).toBe(5_000n)
  })
})

test('an event whose transaction is cut off is applied in whole by its repetition', async ({
  payer,
  database,
  owner,
}) => {
  const event = payer.event('succeeded')
  // The wallet is locked, so that the call is under way when its session is ended.
  let ended = false
  await owner.begin(async (locking) => {
    await locking`select from wallets where user_id = ${payer.userId} for update`
    const cut = connect(database.appUrl, { max: 1 })
    const call = new ProviderLedger(cut).record(event)
    call.catch(() => {})
    await eventually(async () => {
      const [waiting] = await owner<{ pid: number }[]>`
        select pid from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%provider_event%'`
      expect(waiting).toBeDefined()
      await owner`select pg_terminate_backend(${waiting?.pid ?? 0})`
    })
    await expect(call).rejects.toThrow()
    await cut.end({ timeout: 0 })
    ended = true
  })
  expect([ended, await payer.events(), await payer.balance()]).toEqual([true, [], 0n])
  expect(outcome(await payer.ledger().record(event))).toBe('applied')
  expect([await payer.balance(), (await payer.events()).length]).toEqual([5_000n, 1])
})
