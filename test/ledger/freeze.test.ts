import { expect } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { Freezes } from '../../src/ledger/freezes.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { damage } from '../support/ledger/damage.ts'
import { type Sample, type Some, tenant, test, USD } from '../support/ledger/sample.ts'

/** A user with money and with one open request of each kind, and their ids. */
async function furnished(ledger: Sample, userId: string) {
  await ledger.fund(userId, 1_000n)
  const opened = async (command: Some) => (await ledger.accepted({ userId, ...command })).id
  return {
    payment: await opened({ op: 'payment', amount: 10n }),
    topup: await opened({ op: 'topup_request', amount: 10n }),
    withdrawal: await opened({ op: 'withdrawal_request', amount: 10n }),
    hold: await opened({ op: 'hold', amount: 10n, expiresIn: 60 }),
    due: await opened({ op: 'hold', amount: 10n, expiresIn: 60 }),
  }
}

type Named = Awaited<ReturnType<typeof furnished>>

/** Each command of a user `USER`, by what refuses it. */
const COMMANDS: [
  name: string,
  refusedWith: 'debits' | 'credits' | null,
  command: (user: string, named: Named) => Some,
][] = [
  ['a payment', 'debits', (userId) => ({ op: 'payment', userId, amount: 1n })],
  ['a hold', 'debits', (userId) => ({ op: 'hold', userId, amount: 1n, expiresIn: 60 })],
  [
    'a capture of an earlier hold',
    'debits',
    (_, { hold }) => ({ op: 'hold_capture', transactionId: hold }),
  ],
  ['a transfer to others', 'debits', (userId) => ({ ...sends, userId, toUserId: 'other' })],
  ['a withdrawal', 'debits', (userId) => ({ op: 'withdrawal_request', userId, amount: 1n })],
  [
    'an earlier withdrawal paid out',
    'debits',
    (_, { withdrawal }) => ({
      ...decides('withdrawal_process', 'success'),
      transactionId: withdrawal,
    }),
  ],
  ['a topup', 'credits', (userId) => ({ op: 'topup_request', userId, amount: 1n })],
  [
    'an earlier topup approved',
    'credits',
    (_, { topup }) => ({ ...decides('topup_process', 'success'), transactionId: topup }),
  ],
  ['a refund', 'credits', (_, { payment }) => ({ op: 'refund', transactionId: payment })],
  ['a transfer from others', 'credits', (toUserId) => ({ ...sends, userId: 'other', toUserId })],
  [
    'a credit by an application',
    'credits',
    (userId) => ({ ...adjusts(userId, 1n), role: 'application' }),
  ],
  ['a topup cancelled', null, (_, { topup }) => ({ op: 'topup_cancel', transactionId: topup })],
  [
    'a topup rejected',
    null,
    (_, { topup }) => ({ ...decides('topup_process', 'failed'), transactionId: topup }),
  ],
  [
    'a withdrawal rejected',
    null,
    (_, { withdrawal }) => ({
      ...decides('withdrawal_process', 'failed'),
      transactionId: withdrawal,
    }),
  ],
  ['a hold released', null, (_, { hold }) => ({ op: 'hold_void', transactionId: hold })],
  ['a hold that expires', null, (_, { due }) => ({ op: 'hold_expire', transactionId: due })],
  ['an admin’s gift', null, (userId) => adjusts(userId, 5n)],
  ['an admin’s correction', null, (userId) => adjusts(userId, -5n)],
]

const sends = { op: 'transfer', amount: 1n } as const
const decides = (op: 'topup_process' | 'withdrawal_process', status: 'success' | 'failed') =>
  ({ op, actor: 'admin', status }) as const
const adjusts = (userId: string, amount: bigint) =>
  ({ op: 'adjustment', actor: 'admin', userId, amount }) as const

test.for(COMMANDS)(
  '%s is refused for %s frozen, and for nothing else',
  async ([name, refusedWith, command], { ledger }) => {
    await ledger.fund('other', 100n)
    for (const frozen of ['debits', 'credits'] as const) {
      const user = `${name.replaceAll(/[^a-z]/g, '-')}.${frozen}`
      const named = await furnished(ledger, user)
      await ledger.owner`
        update transactions set expires_at = created_at where id = ${named.due}`
      await ledger.freeze(user, { [frozen]: true })
      const before = await ledger.stateOf(user)
      const outcome = await ledger.run(command(user, named))
      if (refusedWith !== frozen) {
        expect(outcome).toMatchObject({ ok: true })
        continue
      }
      const other = name === 'a transfer from others' ? { userId: user } : {}
      expect(outcome).toEqual({
        ...{ ok: false, code: 'wallet_frozen', replayed: false },
        details: { frozen, ...other },
      })
      expect(await ledger.stateOf(user)).toEqual(before)
      await ledger.freeze(user, {})
      expect(await ledger.run(command(user, named))).toMatchObject({ ok: true })
    }
  },
)

test('the user is told what is frozen, and each change is kept with its reason', async ({
  ledger,
}) => {
  await ledger.fund('ann', 100n)
  const who = { tenant, userId: 'ann' }
  const set = (debits: boolean, credits: boolean, reason: string | null) =>
    ledger.freezes.set(who, { debits, credits, reason, by: 'admin' })
  expect(await set(true, false, 'a dispute')).toBe(true)
  expect(await set(true, false, 'a dispute')).toBe(true)
  await set(true, true, 'a court order')
  await set(false, false, null)
  await set(false, false, 'again')
  const { events } = await ledger.store.eventsAfter(who, 2, 10)
  expect(events).toMatchObject([
    { seq: 3, event: 'wallet_frozen', frozen: 'debits', newBalance: 100n, currency: USD },
    { seq: 4, event: 'wallet_frozen', frozen: 'both' },
    { seq: 5, event: 'wallet_unfrozen' },
  ])
  expect(await ledger.freezes.history(who)).toMatchObject([
    { seq: 5, debits: false, credits: false, reason: null, changedBy: 'admin' },
    { seq: 4, debits: true, credits: true, reason: 'a court order' },
    { seq: 3, debits: true, credits: false, reason: 'a dispute' },
  ])
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ discrepancies: [] })
})

test('nobody freezes a user whom the ledger does not know', async ({ ledger }) => {
  expect(await ledger.freeze('nobody', { debits: true })).toBe(false)
  expect(await ledger.freezes.history({ tenant, userId: 'nobody' })).toBeUndefined()
})

test('a freeze of a user says nothing of the same name in another tenant', async ({ ledger }) => {
  for (const each of [tenant, 'another'])
    await ledger.accepted({ tenant: each, ...adjusts('eve', 10n) })
  await ledger.freeze('eve', { debits: true })
  const pays = { op: 'payment', userId: 'eve', amount: 1n } as const
  expect(await ledger.run({ ...pays, tenant: 'another' })).toMatchObject({ ok: true })
  expect(await ledger.run(pays)).toMatchObject({ code: 'wallet_frozen' })
})

test('of 50 payments beside a freeze, none succeeds after the event that told of it', async ({
  ledger,
}) => {
  const executors = Array.from({ length: 4 }, () => new Executor(ledger.sql))
  for (let round = 0; round < 5; round++) {
    const userId = `bea${round}`
    await ledger.fund(userId, 1_000n)
    const pays = (i: number) =>
      executors[i % 4]?.execute({
        ...{ op: 'payment', tenant, actor: userId, userId, currency: USD, amount: 1n },
      })
    const first = Array.from({ length: 25 }, (_, i) => pays(i))
    const frozen = ledger.freeze(userId, { debits: true })
    const outcomes = await Promise.all([...first, ...Array.from({ length: 25 }, (_, i) => pays(i))])
    expect(await frozen).toBe(true)
    const [row] = await ledger.owner`
      select (select max(seq)::int from events where wallet_id = f.wallet_id) as last, f.seq::int
      from freezes f where f.wallet_id = wallet_of(${tenant}, ${userId})`
    expect(row?.last).toBe(row?.seq)
    const accepted = outcomes.filter((one) => one?.ok).length
    expect(await ledger.stateOf(userId)).toEqual({ balance: 1_000n - BigInt(accepted), held: 0n })
    for (const one of outcomes) if (!one?.ok) expect(one?.code).toBe('wallet_frozen')
  }
})

test('a payment that waits for the lock sees the freeze that held it', async ({ ledger }) => {
  await ledger.fund('cat', 100n)
  let paying: Promise<unknown> | undefined
  await ledger.sql.begin(async (tx) => {
    const freezes = new Freezes(tx as unknown as Sql, { currency: USD })
    const asked = { debits: true, credits: false, reason: null, by: 'admin' }
    await freezes.set({ tenant, userId: 'cat' }, asked)
    paying = ledger.run({ op: 'payment', userId: 'cat', amount: 1n })
    await ledger.somebodyWaits()
  })
  expect(await paying).toMatchObject({ code: 'wallet_frozen' })
})

test('a wallet that is neither frozen nor limited any more costs no look', async ({ ledger }) => {
  await ledger.fund('dan', 1n)
  const watched = async () => {
    const [row] = await ledger.owner`select watched from wallets where user_id = 'dan'`
    return row?.watched
  }
  const seen = [await watched()]
  for (const debits of [true, false]) {
    await ledger.freeze('dan', { debits })
    seen.push(await watched())
  }
  expect(seen).toEqual([false, true, false])
})

test.for<[name: string, statement: string, problem: string]>([
  [
    'the end of a freeze, taken out',
    'delete from freezes where WALLET and not debits',
    'money moved while the wallet was frozen',
  ],
  [
    'what was frozen',
    'update freezes set credits = true where WALLET and debits',
    'money moved while the wallet was frozen',
  ],
  [
    'that the ledger looks for the freeze',
    'update wallets set watched = false where WALLET',
    'a frozen wallet is not watched',
  ],
])('the audit finds %s', async ([name, statement, problem], { ledger }) => {
  const userId = `gus.${name.replaceAll(/[^a-z]/g, '-')}`
  await ledger.fund(userId, 100n)
  const { id } = await ledger.accepted({ op: 'payment', userId, amount: 5n })
  await ledger.freeze(userId, { debits: true })
  await ledger.accepted({ op: 'refund', actor: 'admin', transactionId: id, amount: 1n })
  await ledger.accepted(adjusts(userId, -1n))
  await ledger.freeze(userId, {})
  await ledger.accepted({ op: 'payment', userId, amount: 5n })
  if (statement.includes('watched')) await ledger.freeze(userId, { credits: true })
  const found = async () =>
    (await ledger.auditor.audit(tenant)).discrepancies
      .filter((one) => one.userId === userId)
      .map((one) => one.problem)
  expect(await found()).toEqual([])
  const column = statement.includes('wallets') ? 'id' : 'wallet_id'
  const target = statement.replace('WALLET', `${column} = wallet_of('default', '${userId}')`)
  expect(await damage(ledger, target)).toBe(1)
  expect(await found()).toContain(problem)
})
