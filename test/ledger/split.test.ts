import fc from 'fast-check'
import { expect } from 'vitest'
import type { Command, PaidPart, SplitPart, Transaction } from '../../src/ledger/command.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { type Sample, type Some, tenant, test, USD } from '../support/ledger/sample.ts'

const service = { actor: 'shop', role: 'service' } as const

const pay = (userId: string, amount: bigint, split: SplitPart[], more: Partial<Some> = {}) =>
  ({ op: 'payment', ...service, userId, amount, split, ...more }) as Some

/** Gives each user so much, or makes them known. */
async function users(ledger: Sample, funds: Record<string, bigint>) {
  for (const [userId, amount] of Object.entries(funds)) {
    if (amount > 0n) await ledger.fund(userId, amount)
    else await ledger.reader.balance({ tenant, userId }, USD)
  }
}

async function balances(ledger: Sample, ...names: string[]): Promise<bigint[]> {
  return Promise.all(names.map(async (name) => (await ledger.stateOf(name)).balance))
}

/** What the house holds by account, without what is zero. */
async function house(ledger: Sample, inTenant = tenant, currency = USD) {
  const rows = await ledger.owner<{ kind: string; balance: string }[]>`
    select kind, balance from house_balances
    where tenant = ${inTenant} and currency = ${currency} and balance <> 0`
  return Object.fromEntries(rows.map(({ kind, balance }) => [kind, BigInt(balance)]))
}

const amounts = (transaction: Transaction) =>
  (transaction.split ?? []).map((part) => ['to' in part ? part.to : part.fee, part.amount])

const sound = async (ledger: Sample) =>
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })

test('a payment is debited once, and goes to payees and a fee in the same commit', async ({
  ledger,
}) => {
  await users(ledger, { ann: 10_000n, bob: 0n, cat: 0n })
  const paid = await ledger.accepted(
    pay(
      'ann',
      1_001n,
      [
        { to: 'bob', share: 2 },
        { to: 'cat', share: 1 },
        { fee: 'platform', amount: 100n },
      ],
      {
        ...{ referenceId: 'b-1', description: 'a trip' },
      },
    ),
  )
  expect(paid).toMatchObject({ amount: -1_001n, newBalance: 8_999n, referenceId: 'b-1' })
  expect(amounts(paid)).toEqual([
    ['bob', 601n],
    ['cat', 300n],
    ['platform', 100n],
  ])
  expect(await balances(ledger, 'ann', 'bob', 'cat')).toEqual([8_999n, 601n, 300n])
  expect(await house(ledger)).toMatchObject({ 'fee:platform': 100n })
  const [bobs] = paid.split ?? []
  const share = await ledger.reader.transaction(tenant, bobs?.transactionId ?? '', 'bob')
  expect(share).toMatchObject({
    ...{ type: 'split', amount: 601n, status: 'success', description: 'a trip' },
    ...{ referenceType: 'split', referenceId: paid.id, previousBalance: 0n, newBalance: 601n },
  })
  expect((await ledger.eventsOf('ann')).slice(2)).toEqual([
    [3, 'balance_updated', 8_999n],
    [4, 'transaction_completed', 8_999n],
  ])
  expect(await ledger.eventsOf('bob')).toEqual([
    [1, 'balance_updated', 601n],
    [2, 'transaction_completed', 601n],
  ])
  await sound(ledger)
})

test('what cannot be divided goes to the largest remainders, and of equal ones to the first', async ({
  ledger,
}) => {
  await users(ledger, { dan: 1_000n, p1: 0n, p2: 0n, p3: 0n })
  const three = ['p1', 'p2', 'p3'].map((to) => ({ to, share: 1 }))
  const divided = async (amount: bigint, parts: SplitPart[]) =>
    amounts(await ledger.accepted(pay('dan', amount, parts))).map(([, part]) => part)
  expect(await divided(100n, three)).toEqual([34n, 33n, 33n])
  expect(await divided(101n, three)).toEqual([34n, 34n, 33n])
  // 70.5, 29.5 of 100 would be: the larger remainder is the second one's.
  expect(
    await divided(9n, [
      { to: 'p1', share: 71 },
      { to: 'p2', share: 29 },
    ]),
  ).toEqual([6n, 3n])
  // One minor unit for three: two get nothing, and no transaction.
  expect(await divided(1n, three)).toEqual([1n])
  await sound(ledger)
})

const REFUSED: [name: string, parts: SplitPart[], code: string, details: object][] = [
  [
    'fixed amounts that leave something',
    [{ to: 'eve', amount: 9n }],
    'invalid_split',
    { maximum: 10n },
  ],
  [
    'fixed amounts beyond the whole',
    [{ to: 'eve', amount: 11n }],
    'invalid_split',
    { maximum: 10n },
  ],
  [
    'a payee twice',
    [
      { to: 'eve', share: 1 },
      { to: 'eve', share: 2 },
    ],
    'invalid_split',
    {},
  ],
  ['nobody', [], 'invalid_split', {}],
  ['a fee without a name', [{ fee: 'A b', share: 1 }], 'invalid_split', {}],
  ['a share of nothing', [{ to: 'eve', share: 0 }], 'invalid_split', {}],
  ['a part of a share', [{ to: 'eve', share: 1.5 }], 'invalid_split', {}],
  ['a payer who pays themselves', [{ to: 'payer', share: 1 }], 'self_transfer', {}],
  ['a payee whom nobody knows', [{ to: 'nobody', share: 1 }], 'unknown_user', { userId: 'nobody' }],
  [
    'a payee who may get nothing',
    [
      { to: 'eve', share: 1 },
      { to: 'icy', share: 1 },
    ],
    'wallet_frozen',
    { frozen: 'credits', userId: 'icy' },
  ],
]

test.for(REFUSED)('a split to %s is refused, and nothing moves', async (refused, { ledger }) => {
  const [, parts, code, details] = refused
  await users(ledger, { payer: 100n, eve: 0n, icy: 0n })
  await ledger.freeze('icy', { credits: true })
  const before = await balances(ledger, 'payer', 'eve', 'icy')
  expect(await ledger.run(pay('payer', 10n, parts))).toMatchObject({ ok: false, code, details })
  expect(await balances(ledger, 'payer', 'eve', 'icy')).toEqual(before)
})

test('who has too little pays nobody, and only they hear of it', async ({ ledger }) => {
  await users(ledger, { fay: 5n, gil: 0n })
  const refused = await ledger.run(pay('fay', 6n, [{ to: 'gil', share: 1 }]))
  expect(refused).toMatchObject({ code: 'insufficient_funds', details: { shortfall: 1n } })
  expect(await ledger.eventsOf('gil')).toEqual([])
})

test('a hold is captured to payees, in part or whole, or released to who pays', async ({
  ledger,
}) => {
  await users(ledger, { hal: 1_000n, ida: 0n })
  const hold = () =>
    ledger.accepted({ op: 'hold', ...service, userId: 'hal', amount: 100n, expiresIn: 60 })
  const capture = (transactionId: string, more: Partial<Some>) =>
    ({ op: 'hold_capture', ...service, transactionId, ...more }) as Some
  const split: SplitPart[] = [
    { to: 'ida', share: 9 },
    { fee: 'escrow', share: 1 },
  ]
  const { id } = await hold()
  const captured = await ledger.accepted(capture(id, { amount: 60n, split }))
  expect(captured).toMatchObject({ id, status: 'success', amount: -60n, newBalance: 940n })
  expect(amounts(captured)).toEqual([
    ['ida', 54n],
    ['escrow', 6n],
  ])
  expect(await ledger.stateOf('hal')).toEqual({ balance: 940n, held: 0n })
  expect(await balances(ledger, 'ida')).toEqual([54n])
  expect(await house(ledger)).toMatchObject({ 'fee:escrow': 6n })
  // Captured in many parts: only the last one says who gets it all.
  const metered = (await hold()).id
  expect(await ledger.run(capture(metered, { amount: 10n, final: false, split }))).toMatchObject({
    code: 'invalid_split',
  })
  await ledger.accepted(capture(metered, { amount: 10n, final: false }))
  const last = await ledger.accepted(capture(metered, { amount: 10n, split }))
  expect(amounts(last)).toEqual([
    ['ida', 18n],
    ['escrow', 2n],
  ])
  // Who may not spend may still be paid.
  await ledger.freeze('ida', { debits: true })
  await ledger.accepted(capture((await hold()).id, { amount: 10n, split }))
  expect(await balances(ledger, 'ida')).toEqual([81n])
  const released = (await hold()).id
  await ledger.accepted({ op: 'hold_void', ...service, transactionId: released })
  expect(await ledger.stateOf('hal')).toEqual({ balance: 910n, held: 0n })
  await sound(ledger)
})

test('a refund takes back in proportion, and after a full refund everybody has what they had', async ({
  ledger,
}) => {
  await users(ledger, { joy: 1_000n, kim: 0n, leo: 0n })
  const before = await house(ledger)
  const paid = await ledger.accepted(
    pay('joy', 100n, [
      { to: 'kim', share: 1 },
      { to: 'leo', share: 1 },
      { fee: 'refunds', amount: 10n },
    ]),
  )
  const refund = (amount?: bigint) =>
    ledger.accepted({
      ...{ op: 'refund', ...service, transactionId: paid.id, ...(amount && { amount }) },
    })
  const first = await refund(33n)
  expect(first).toMatchObject({ type: 'refund', amount: 33n, newBalance: 933n })
  expect(amounts(first)).toEqual([
    ['kim', 15n],
    ['leo', 15n],
    ['refunds', 3n],
  ])
  const [kims] = first.split ?? []
  expect(await ledger.reader.transaction(tenant, kims?.transactionId ?? '', 'kim')).toMatchObject({
    ...{ type: 'split', amount: -15n, referenceId: first.id, newBalance: 30n },
  })
  expect(await ledger.reader.transaction(tenant, paid.id)).toMatchObject({
    refundedAmount: 33n,
    split: [{ refunded: 15n }, { refunded: 15n }, { refunded: 3n }],
  })
  await refund(1n)
  await refund()
  expect(await balances(ledger, 'joy', 'kim', 'leo')).toEqual([1_000n, 0n, 0n])
  expect(await house(ledger)).toEqual(before)
  await sound(ledger)
})

test('a payee who has spent their part is named, and the refund takes nothing from anybody', async ({
  ledger,
}) => {
  await users(ledger, { max: 100n, ned: 0n, ola: 0n })
  const paid = await ledger.accepted(
    pay('max', 100n, [
      { to: 'ned', share: 1 },
      { to: 'ola', share: 1 },
    ]),
  )
  await ledger.accepted({ op: 'payment', userId: 'ola', amount: 20n })
  const refund = (amount: bigint) =>
    ledger.run({ op: 'refund', ...service, transactionId: paid.id, amount })
  expect(await refund(100n)).toEqual({
    ...{ ok: false, code: 'payee_insufficient_funds', replayed: false },
    details: { userId: 'ola', currency: USD, requiredAmount: 50n },
  })
  expect(await balances(ledger, 'max', 'ned', 'ola')).toEqual([0n, 50n, 30n])
  expect(await refund(60n)).toMatchObject({ ok: true })
  expect(await balances(ledger, 'max', 'ned', 'ola')).toEqual([60n, 20n, 0n])
  await ledger.freeze('ned', { debits: true })
  await ledger.fund('ola', 100n)
  expect(await refund(40n)).toMatchObject({
    ...{ code: 'wallet_frozen', details: { frozen: 'debits', userId: 'ned' } },
  })
  await sound(ledger)
})

test('a refund that waits for a second admin takes from the payees with the second approval', async ({
  ledger,
}) => {
  await users(ledger, { pia: 100n, quin: 0n, rex: 0n })
  const paid = await ledger.accepted(
    pay('pia', 100n, [
      { to: 'quin', share: 99 },
      { to: 'rex', share: 1 },
    ]),
  )
  await ledger.fourEyes.set(tenant, [{ currency: USD, amount: 10n }], 'eve')
  const asked = await ledger.accepted({
    ...{ op: 'refund', actor: 'eve', transactionId: paid.id, amount: 20n },
  })
  expect(asked).toMatchObject({ status: 'pending', approvedBy: 'eve' })
  expect(await balances(ledger, 'pia', 'quin', 'rex')).toEqual([0n, 99n, 1n])
  // Meanwhile the proportions change.
  await ledger.accepted({ op: 'refund', ...service, transactionId: paid.id, amount: 79n })
  const settled = await ledger.accepted({
    ...{ op: 'refund_process', actor: 'max', transactionId: asked.id, status: 'success' },
  })
  expect(settled).toMatchObject({ status: 'success', processedBy: 'max' })
  expect((await balances(ledger, 'pia', 'quin', 'rex')).reduce((a, b) => a + b)).toBe(100n)
  expect(await balances(ledger, 'pia')).toEqual([99n])
  for (const by of ['eve', 'max'])
    await ledger.fourEyes.set(tenant, [{ currency: USD, amount: null }], by)
  await sound(ledger)
})

test('a batch of splits to each other, beside each other, waits for no one in a circle', async ({
  ledger,
}) => {
  const names = ['s1', 's2', 's3', 's4']
  await users(ledger, Object.fromEntries(names.map((name) => [name, 1_000n])))
  const executors = Array.from({ length: 4 }, () => new Executor(ledger.sql))
  const commands = Array.from({ length: 80 }, (_, i): Command => {
    const [payer = '', ...payees] = [...names.slice(i % 4), ...names.slice(0, i % 4)]
    const split = payees.map((to) => ({ to, share: 1 }))
    const parts = [...split, { fee: `f${i % 3}`, amount: 1n }]
    return { ...pay(payer, 10n, parts), tenant, currency: USD, actor: 'shop' }
  })
  const outcomes = await Promise.all(
    commands.map((command, i) => executors[i % 4]?.execute(command)),
  )
  expect(outcomes.filter((one) => one?.ok)).toHaveLength(80)
  const total = (await balances(ledger, ...names)).reduce((a, b) => a + b)
  expect(total).toBe(4_000n - 80n)
  await sound(ledger)
})

test('a refund that was chosen before the capture that split the hold finds the payees', async ({
  ledger,
}) => {
  await users(ledger, { tim: 100n, una: 0n })
  const hold = await ledger.accepted({ op: 'hold', userId: 'tim', amount: 100n, expiresIn: 60 })
  const split = JSON.stringify([{ to: 'una', share: 1 }])
  let refunding: ReturnType<Sample['run']> | undefined
  await ledger.sql.begin(async (tx) => {
    const capture = JSON.stringify([
      {
        op: 'hold_capture',
        tenant,
        actor: 'shop',
        transaction_id: hold.id,
        split: JSON.parse(split),
      },
    ])
    await tx`select ledger_apply(${capture}::text::json)`
    refunding = ledger.run({ op: 'refund', ...service, transactionId: hold.id, amount: 40n })
    await ledger.somebodyWaits()
  })
  expect(await refunding).toMatchObject({ ok: true })
  expect(await balances(ledger, 'tim', 'una')).toEqual([40n, 60n])
})

/** In each currency by its decimals: 2, 0 and 3. */
const money = fc.record({
  currency: fc.constantFrom('USD', 'JPY', 'KWD'),
  total: fc.oneof(fc.bigInt(1n, 50n), fc.bigInt(1n, 10_000_000n), fc.constant(2n ** 53n - 1n)),
  weights: fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 8 }),
  fixed: fc.array(fc.bigInt(1n, 20n), { maxLength: 3 }),
  refunds: fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 4 }),
})

let worlds = 0

test('whatever the shares and the refunds, the parts are the whole, to the last minor unit', async ({
  ledger,
}) => {
  const sum = (list: readonly bigint[]) => list.reduce((a, b) => a + b, 0n)
  await fc.assert(
    fc.asyncProperty(money, async ({ currency, total, weights, fixed, refunds }) => {
      const inTenant = `split${worlds++}`
      const run = (command: Some) => ledger.accepted({ ...command, tenant: inTenant })
      const shares = weights.map((share, i): SplitPart => ({ to: `w${i}`, share }))
      const fees = fixed.map((amount, i): SplitPart => ({ fee: `f${i}`, amount }))
      for (const part of shares) {
        if ('to' in part) await ledger.reader.balance({ tenant: inTenant, userId: part.to }, USD)
      }
      const gift = { op: 'adjustment', actor: 'admin', userId: 'payer', amount: total } as const
      await run({ ...gift, currency })
      const paying = ledger.run({
        ...pay('payer', total, [...fees, ...shares], { currency }),
        tenant: inTenant,
      })
      const paid = await paying
      if (sum(fixed) > total) {
        expect(paid).toMatchObject({ code: 'invalid_split' })
        return
      }
      if (!paid.ok) throw new Error(paid.code)
      const parts = paid.transaction.split ?? []
      expect(sum(parts.map(({ amount }) => amount))).toBe(total)
      // Each within one minor unit of its share.
      const rest = total - sum(fixed)
      const all = weights.reduce((a, b) => a + b, 0)
      for (const part of parts) {
        if (!('to' in part)) continue
        const share = BigInt(weights[Number(part.to.slice(1))] ?? 0)
        const distance = part.amount * BigInt(all) - rest * share
        expect(distance < BigInt(all) && distance > -BigInt(all)).toBe(true)
      }
      const taken = new Map<string, bigint>()
      let left = total
      for (const percent of refunds) {
        const amount = (left * BigInt(percent)) / 100n
        if (amount === 0n) continue
        const refund = await run({
          op: 'refund',
          ...service,
          transactionId: paid.transaction.id,
          amount,
        })
        left -= amount
        expect(sum((refund.split ?? []).map((part) => part.amount))).toBe(amount)
        for (const part of refund.split ?? []) add(taken, part)
      }
      if (left > 0n) {
        const last = await run({ op: 'refund', ...service, transactionId: paid.transaction.id })
        for (const part of last.split ?? []) add(taken, part)
      }
      for (const part of parts) expect(taken.get(nameOf(part))).toBe(part.amount)
      expect(Object.keys(await house(ledger, inTenant, currency))).toEqual(['adjustments'])
      expect(await ledger.auditor.audit(inTenant)).toMatchObject({ discrepancies: [] })
    }),
    { numRuns: 60 },
  )
})

const nameOf = (part: PaidPart) => ('to' in part ? part.to : `fee:${part.fee}`)

function add(taken: Map<string, bigint>, part: PaidPart) {
  taken.set(nameOf(part), (taken.get(nameOf(part)) ?? 0n) + part.amount)
}

test('a payment is split in the batch that brings its currency', async ({ ledger }) => {
  await users(ledger, { kim: 0n, lee: 0n })
  const currency = 'KWD'
  const commands = [
    { op: 'adjustment', actor: 'admin', userId: 'kim', amount: 12_000n },
    pay('kim', 7_000n, [
      { to: 'lee', share: 1 },
      { fee: 'platform', share: 1 },
    ]),
  ].map((command) => ({ tenant, currency, ...command }) as Command)
  const outcomes = await ledger.executor.executeAll(commands, 'each')
  expect(outcomes).toMatchObject([{ ok: true }, { ok: true }])
  const lee = await ledger.reader.balance({ tenant, userId: 'lee' }, currency)
  expect(lee.balance).toBe(3_500n)
  await sound(ledger)
})
