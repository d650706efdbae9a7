import { expect } from 'vitest'
import type { Command, Operation } from '../../src/ledger/command.ts'
import { stringifyJson } from '../../src/lib/json.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { MARK, mine, type Parts, rowsOfTheirs, test } from '../support/ledger/two-tenants.ts'

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const page of pages) found.push(page)
  return found
}

/** By class and method: the calls that `mine` can make, with everything that `theirs` has. */
const CALLS: Record<string, Record<string, (parts: Parts) => Promise<unknown>>> = {
  Reader: {
    balance: (parts) => parts.reader.balance(mine, 'USD'),
    knownBalance: (parts) => parts.reader.knownBalance(mine, 'USD'),
    balanceAt: (parts) => parts.reader.balanceAt(mine, 'USD', '2999-01-01T00:00:00Z'),
    balances: (parts) => parts.reader.balances(mine),
    canAfford: (parts) =>
      parts.reader.canAfford(mine, { currency: 'USD', amount: 1n, type: 'hold' }),
    balanceSeries: (parts) => parts.reader.balanceSeries(mine, 'USD', { points: 3 }),
    snapshot: (parts) => parts.reader.snapshot(mine, 'USD'),
    wallets: (parts) => parts.reader.wallets({ tenant: 'mine', currency: 'USD', limit: 100 }),
  },
  TransactionReader: {
    transaction: (parts) =>
      Promise.all(
        parts.transactions.flatMap((id) => [
          parts.reader.transaction('mine', id),
          parts.reader.transaction('mine', id, 'alice'),
        ]),
      ),
    transactions: (parts) =>
      Promise.all([
        parts.reader.transactions({ tenant: 'mine', limit: 100 }),
        ...parts.transactions.map((cursor) =>
          parts.reader.transactions({ ...mine, cursor, limit: 100 }),
        ),
      ]),
    requests: (parts) =>
      Promise.all(
        [undefined, ...parts.transactions].flatMap((cursor) =>
          [{ tenant: 'mine' }, mine].map((whose) =>
            parts.reader.requests({
              ...whose,
              types: ['topup', 'withdrawal'],
              limit: 100,
              ...(cursor !== undefined && { cursor }),
            }),
          ),
        ),
      ),
    statement: async (parts) => [
      await all(parts.reader.statement(mine)),
      await all(parts.reader.statement({ tenant: 'mine' })),
    ],
  },
  Auditor: {
    verify: (parts) => parts.auditor.verify(mine, 'USD'),
    audit: (parts) => parts.auditor.audit('mine'),
    recalculate: (parts) => parts.auditor.recalculate(mine, 'USD'),
    recalculateAll: (parts) => parts.auditor.recalculateAll('mine'),
  },
  LimitsAndAlerts: {
    monitors: (parts) => parts.limitsAndAlerts.monitors(mine),
    putMonitor: (parts) =>
      parts.limitsAndAlerts.putMonitor({
        ...mine,
        currency: 'USD',
        threshold: 1n,
        direction: 'below',
      }),
    deleteMonitors: async (parts) => [
      await parts.limitsAndAlerts.deleteMonitors(mine, parts.monitor),
      await parts.limitsAndAlerts.deleteMonitors(mine),
    ],
    limits: (parts) => parts.limitsAndAlerts.limits('mine'),
    putLimit: (parts) =>
      parts.limitsAndAlerts.putLimit({
        ...mine,
        type: 'hold',
        currency: 'USD',
        maxAmount: 1_000n,
        maxSum: null,
        windowSeconds: null,
      }),
    deleteLimit: (parts) => parts.limitsAndAlerts.deleteLimit(mine, 'hold', 'USD'),
  },
  PostgresEventStore: {
    balance: (parts) => parts.events.balance(mine, 'USD'),
    eventsAfter: (parts) => parts.events.eventsAfter(mine, 0, 100),
    heads: (parts) => parts.events.heads([mine]),
  },
  IdempotencyStore: {
    run: (parts) =>
      parts.idempotency.run(
        { tenant: 'mine', actor: 'ada', key: 'answer', asked: 'x' },
        async () => 'mine',
      ),
  },
  PostgresRevocations: {
    revoke: (parts) =>
      parts.revocations.revoke({
        ...{ tenant: 'mine', userId: 'alice', revokedBy: 'ada', expiresAt: null },
        reason: null,
      }),
    lift: (parts) => parts.revocations.lift('mine', parts.revocation),
    list: (parts) => parts.revocations.list({ tenant: 'mine', limit: 100 }),
  },
}

/** For all tenants at once, and for nobody's eyes: publishing, caching, pruning, counting. */
const ACROSS = [
  'PostgresEventStore.claim',
  'PostgresEventStore.acknowledge',
  'PostgresEventStore.changedWithin',
  'PostgresEventStore.backlog',
  'PostgresRevocations.changesAfter',
  'PostgresRevocations.prune',
]

const methods = Object.entries(CALLS).flatMap(([name, calls]) =>
  Object.entries(calls).map(([method, call]) => [`${name}.${method}`, call] as const),
)

/** With those that its class inherits. */
function methodsOf(prototype: object): string[] {
  if (prototype === Object.prototype) return []
  return [
    ...Object.getOwnPropertyNames(prototype)
      .filter((method) => method !== 'constructor')
      .map((method) => `${prototype.constructor.name}.${method}`),
    ...methodsOf(Object.getPrototypeOf(prototype)),
  ]
}

test('every method that asks the database is here, or works for all tenants at once', ({
  parts,
}) => {
  const { reader, auditor, limitsAndAlerts, events, idempotency, revocations } = parts
  const there = [reader, auditor, limitsAndAlerts, events, idempotency, revocations].flatMap(
    (part) => methodsOf(Object.getPrototypeOf(part)),
  )
  expect([...methods.map(([name]) => name), ...ACROSS].sort()).toEqual(there.sort())
})

/** Nothing of `theirs` is in what was answered, and nothing of it changed. */
async function staysApart(
  { parts, sql }: { parts: Parts; sql: Sql },
  call: () => Promise<unknown>,
): Promise<void> {
  const before = await rowsOfTheirs(sql)
  const text = stringifyJson(
    JSON.parse(
      JSON.stringify((await call()) ?? null, (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    ),
  )
  for (const secret of [
    MARK,
    '"theirs"',
    '77777777',
    '88888888',
    parts.monitor,
    parts.revocation,
  ]) {
    expect(text).not.toContain(secret)
  }
  for (const id of parts.transactions) expect(text).not.toContain(id)
  expect(await rowsOfTheirs(sql)).toEqual(before)
}

test('there is something of everything to be seen', async ({ sql, parts: _filled }) => {
  const rows = await rowsOfTheirs(sql)
  const empty = Object.keys(rows).filter((table) => rows[table]?.length === 0)
  expect(empty).toEqual([])
})

test.for(methods)('%s stays within its tenant', async ([, call], { parts, sql }) => {
  await staysApart({ parts, sql }, () => call(parts))
})

const SETTLES: [Operation, Partial<Command>][] = [
  ['topup_cancel', {}],
  ['topup_process', { status: 'success' }],
  ['withdrawal_process', { status: 'failed' }],
  ['refund', {}],
  ['hold_capture', {}],
  ['hold_void', {}],
  ['hold_expire', {}],
]

test.for(SETTLES)(
  'a %s finds no transaction of another tenant',
  async ([op, rest], { parts, sql }) => {
    await staysApart({ parts, sql }, async () => {
      for (const transactionId of parts.transactions) {
        const command = { op, tenant: 'mine', actor: 'ada', transactionId, ...rest }
        for (const userId of [undefined, 'alice']) {
          const outcome = await parts.executor.execute({ ...command, ...(userId && { userId }) })
          expect(outcome).toMatchObject({ ok: false, code: 'not_found' })
        }
      }
    })
  },
)

const OPENS: [Operation, Partial<Command>][] = [
  ['topup_request', {}],
  ['payment', {}],
  ['transfer', { toUserId: 'bob' }],
  ['withdrawal_request', {}],
  ['hold', { idempotencyKey: 'k', expiresIn: 60 }],
  ['adjustment', {}],
]

test.for(OPENS)(
  'a %s for a namesake moves nothing of the other',
  async ([op, rest], { parts, sql }) => {
    await staysApart({ parts, sql }, async () => {
      const command = { op, ...mine, actor: 'ada', currency: 'USD', amount: 1n, ...rest }
      const outcome = await parts.executor.execute(command)
      expect(outcome.ok).toBe(true)
      return outcome
    })
  },
)
