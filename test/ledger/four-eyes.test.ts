import { expect } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { damage } from '../support/ledger/damage.ts'
import { type Sample, type Some, tenant, test, USD } from '../support/ledger/sample.ts'

const JUST = 100n
const ABOVE = 101n

const settle = (op: Some['op'], transactionId: string, actor: string, more: Partial<Some> = {}) =>
  ({ op, actor, transactionId, status: 'success', ...more }) as Some

/** Opens one request of each kind that two admins decide on, and the operation that decides. */
const KINDS: [
  name: string,
  process: Some['op'],
  open: (ledger: Sample, userId: string, amount: bigint) => Promise<string>,
  moves: bigint,
][] = [
  [
    'a topup',
    'topup_process',
    async (ledger, userId, amount) =>
      (await ledger.accepted({ op: 'topup_request', userId, amount })).id,
    1n,
  ],
  [
    'a withdrawal',
    'withdrawal_process',
    async (ledger, userId, amount) =>
      (await ledger.accepted({ op: 'withdrawal_request', userId, amount })).id,
    -1n,
  ],
]

test.beforeAll(async ({ ledger }) => {
  await ledger.accepted({ op: 'adjustment', actor: 'root', userId: 'rich', amount: 10_000n })
  await ledger.fourEyes.set(tenant, [{ currency: USD, amount: JUST }], 'root')
})

/** Funds that the rule does not concern: an application’s. */
const fund = (ledger: Sample, userId: string) =>
  ledger.accepted({
    ...{ op: 'adjustment', actor: 'sql:shop', role: 'application', userId, amount: 1_000n },
  })

test.for(KINDS)(
  '%s above the amount is settled by two admins, and by no one of them alone',
  async ([name, process, open, moves], { ledger }) => {
    const userId = name.replaceAll(/[^a-z]/g, '-')
    await fund(ledger, userId)
    const id = await open(ledger, userId, ABOVE)
    const before = await ledger.stateOf(userId)
    const seqs = (await ledger.eventsOf(userId)).length
    const first = await ledger.accepted(settle(process, id, 'eve', { idempotencyKey: `${id} 1` }))
    expect(first).toMatchObject({ status: 'pending', approvedBy: 'eve', processedBy: null })
    expect(await ledger.run(settle(process, id, 'eve'))).toMatchObject({
      code: 'second_admin_required',
    })
    expect(await ledger.stateOf(userId)).toEqual(before)
    expect(await ledger.eventsOf(userId)).toHaveLength(seqs)
    // The first one's request again, after whatever: the first answer again.
    const again = await ledger.run(settle(process, id, 'eve', { idempotencyKey: `${id} 1` }))
    expect(again).toEqual({ ok: true, transaction: first, replayed: true })
    expect(await ledger.accepted(settle(process, id, 'max'))).toMatchObject({
      ...{ status: 'success', approvedBy: 'eve', processedBy: 'max' },
    })
    expect((await ledger.stateOf(userId)).balance).toBe(before.balance + moves * ABOVE)
  },
)

test.for(KINDS)(
  '%s up to the amount needs one admin',
  async ([name, process, open], { ledger }) => {
    const userId = `${name.replaceAll(/[^a-z]/g, '-')}.small`
    await fund(ledger, userId)
    const id = await open(ledger, userId, JUST)
    const settled = await ledger.accepted(settle(process, id, 'eve'))
    expect(settled).toMatchObject({ status: 'success', processedBy: 'eve' })
    expect(settled).not.toHaveProperty('approvedBy')
  },
)

test.for(KINDS)('%s is rejected by one admin, the first one too', async (kind, { ledger }) => {
  const [name, process, open] = kind
  for (const actor of ['eve', 'max']) {
    const userId = `${name.replaceAll(/[^a-z]/g, '-')}.no.${actor}`
    await fund(ledger, userId)
    const id = await open(ledger, userId, ABOVE)
    await ledger.accepted(settle(process, id, 'eve'))
    const rejected = await ledger.accepted(settle(process, id, actor, { status: 'failed' }))
    expect(rejected).toMatchObject({ status: 'failed', processedBy: actor })
    expect(await ledger.stateOf(userId)).toEqual({ balance: 1_000n, held: 0n })
  }
})

test('an adjustment above the amount waits for an admin who did not ask for it', async ({
  ledger,
}) => {
  const asks = { op: 'adjustment', actor: 'eve', userId: 'fay', amount: ABOVE } as const
  const asked = await ledger.accepted(asks)
  expect(asked).toMatchObject({ status: 'pending', approvedBy: 'eve', processedBy: null })
  expect(await ledger.stateOf('fay')).toEqual({ balance: 0n, held: 0n })
  for (const [actor, code] of [
    ['eve', 'second_admin_required'],
    ['fay', 'self_approval'],
  ] as const) {
    expect(await ledger.run(settle('adjustment_process', asked.id, actor))).toMatchObject({ code })
  }
  const settled = await ledger.accepted(settle('adjustment_process', asked.id, 'max'))
  expect(settled).toMatchObject({ status: 'success', processedBy: 'max', newBalance: ABOVE })
  // What is taken away is looked for at the second approval, and the user hears that it is not there.
  const taken = await ledger.accepted({ ...asks, amount: -ABOVE })
  await ledger.accepted({ op: 'payment', userId: 'fay', amount: 1n })
  expect(await ledger.run(settle('adjustment_process', taken.id, 'max'))).toMatchObject({
    ...{ code: 'insufficient_funds', details: { requiredAmount: ABOVE, available: 100n } },
  })
  expect((await ledger.eventsOf('fay')).at(-1)?.[1]).toBe('balance_insufficient')
  await ledger.accepted(settle('adjustment_process', taken.id, 'eve', { status: 'failed' }))
  expect(await ledger.stateOf('fay')).toEqual({ balance: 100n, held: 0n })
})

test('a refund above the amount waits, and is decided anew with the second approval', async ({
  ledger,
}) => {
  await fund(ledger, 'gil')
  const payment = await ledger.accepted({ op: 'payment', userId: 'gil', amount: 300n })
  const refund = (amount: bigint, actor = 'eve') =>
    ledger.accepted({ op: 'refund', actor, transactionId: payment.id, amount })
  const [first, second] = [await refund(ABOVE), await refund(ABOVE)]
  expect(first).toMatchObject({ type: 'refund', status: 'pending', approvedBy: 'eve' })
  expect(await refund(JUST)).toMatchObject({ status: 'success', processedBy: 'eve' })
  expect(await ledger.run(settle('refund_process', first.id, 'eve'))).toMatchObject({
    code: 'second_admin_required',
  })
  expect(await ledger.accepted(settle('refund_process', first.id, 'max'))).toMatchObject({
    ...{ status: 'success', approvedBy: 'eve', processedBy: 'max' },
  })
  expect(await ledger.run(settle('refund_process', second.id, 'max'))).toMatchObject({
    ...{ code: 'refund_exceeds_payment', details: { maximum: 99n } },
  })
  expect(await ledger.reader.transaction(tenant, payment.id)).toMatchObject({
    refundedAmount: 201n,
  })
  expect(await ledger.stateOf('gil')).toEqual({ balance: 901n, held: 0n })
  // What is left is small enough for one.
  const third = await refund(99n, 'sql:shop')
  expect(third).toMatchObject({ status: 'success' })
})

test('nobody waits where no person decides: a service, a provider, an application', async ({
  ledger,
}) => {
  await fund(ledger, 'hal')
  const roles = ['service', 'provider', 'application'] as const
  for (const role of roles) {
    const { id } = await ledger.accepted({ op: 'topup_request', userId: 'hal', amount: ABOVE })
    expect(await ledger.accepted(settle('topup_process', id, role, { role }))).toMatchObject({
      ...{ status: 'success', processedBy: role },
    })
  }
})

test('two admins at once: one is the first, the other the second, and the money moves once', async ({
  ledger,
}) => {
  const executors = Array.from({ length: 3 }, () => new Executor(ledger.sql))
  for (let round = 0; round < 5; round++) {
    const userId = `ida${round}`
    const { id } = await ledger.accepted({ op: 'topup_request', userId, amount: ABOVE })
    const outcomes = await Promise.all(
      ['eve', 'max', 'eve', 'eve'].map((actor, i) =>
        executors[i % 3]?.execute({ ...settle('topup_process', id, actor), tenant, actor }),
      ),
    )
    const told = outcomes.flatMap((one) => (one?.ok ? one.transaction : []))
    expect(told.map(({ status }) => status).sort()).toEqual(['pending', 'success'])
    expect(new Set(told.map((one) => one.processedBy ?? one.approvedBy)).size).toBe(2)
    expect(await ledger.stateOf(userId)).toEqual({ balance: ABOVE, held: 0n })
  }
})

test('a rule is tightened by one admin, and loosened by two', async ({ ledger }) => {
  const set = (amount: bigint | null, by: string) =>
    ledger.fourEyes.set('strict', [{ currency: USD, amount }], by)
  const state = async () => (await ledger.fourEyes.state('strict'))[0]
  await set(500n, 'eve')
  await set(400n, 'eve')
  expect(await state()).toMatchObject({ amount: 400n, askedBy: 'eve', secondedBy: null })
  for (const by of ['eve', 'eve']) await set(null, by)
  expect(await state()).toMatchObject({
    ...{ amount: 400n, proposal: { amount: null, askedBy: 'eve' } },
  })
  // The second admin asks for another amount: that waits then.
  await set(900n, 'max')
  expect(await state()).toMatchObject({ amount: 400n, proposal: { amount: 900n, askedBy: 'max' } })
  await set(900n, 'eve')
  expect(await state()).toMatchObject({ amount: 900n, askedBy: 'max', secondedBy: 'eve' })
  expect(await state()).not.toHaveProperty('proposal')
  await set(null, 'max')
  await set(300n, 'max')
  expect(await state()).toMatchObject({ amount: 300n })
  expect(await state()).not.toHaveProperty('proposal')
})

test('what waits for the second admin is listed apart', async ({ ledger }) => {
  const [waits] = [
    await ledger.accepted({ op: 'topup_request', userId: 'joy', amount: ABOVE }),
    await ledger.accepted({ op: 'topup_request', userId: 'joy', amount: ABOVE }),
  ]
  await ledger.accepted(settle('topup_process', waits?.id ?? '', 'eve'))
  const asked = await ledger.accepted({
    ...{ op: 'adjustment', actor: 'eve', userId: 'joy', amount: ABOVE },
  })
  const list = async (waitingFor: 'first' | 'second') => {
    const types = ['topup', 'admin_adjustment'] as const
    const { items, total } = await ledger.reader.requests({
      ...{ tenant, userId: 'joy', types, waitingFor, limit: 10 },
    })
    return [total, items.map(({ id }) => id).sort()]
  }
  expect(await list('second')).toEqual([2, [waits?.id, asked.id].sort()])
  expect((await list('first'))[0]).toBe(1)
})

test.for([
  ['the second admin', 'processed_by = approved_by'],
  ['the first admin, who is the user now', 'approved_by = user_id'],
])('the audit finds %s that was altered', async ([name, change], { ledger }) => {
  const userId = `kim.${name?.replaceAll(/[^a-z]/g, '-')}`
  const { id } = await ledger.accepted({ op: 'topup_request', userId, amount: ABOVE })
  for (const actor of ['eve', 'max']) await ledger.accepted(settle('topup_process', id, actor))
  const found = async () =>
    (await ledger.auditor.audit(tenant)).discrepancies.filter((one) => one.userId === userId)
  expect(await found()).toEqual([])
  await damage(ledger, `update transactions set ${change} where id = '${id}'`)
  expect(await found()).toContainEqual(
    expect.objectContaining({
      problem: 'a transaction that needed two admins has only one',
      at: id,
    }),
  )
})
