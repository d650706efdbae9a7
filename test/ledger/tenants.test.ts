import { afterAll, beforeAll, expect, test } from 'vitest'
import { PostgresRevocations } from '../../src/auth/revocation-store.ts'
import { Auditor } from '../../src/ledger/auditor.ts'
import type { Command, Operation } from '../../src/ledger/command.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { IdempotencyStore } from '../../src/ledger/idempotency-store.ts'
import { LimitsAndAlerts } from '../../src/ledger/limits-and-alerts.ts'
import { Reader } from '../../src/ledger/reader.ts'
import { stringifyJson } from '../../src/lib/json.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { createDatabase, type TestDatabase } from '../support/index.ts'

/** Two tenants with users of the same names. Whatever `mine` asks for, in all of `theirs` ids, is its own. */
const mine = { tenant: 'mine', userId: 'alice' }
const theirs = { tenant: 'theirs', userId: 'alice' }
/** In every text that belongs to `theirs`. */
const MARK = 'MARK-OF-THEIRS'

let database: TestDatabase
let sql: Sql
/** What the server calls, with the ids of `theirs` that could be asked for. */
let parts: Awaited<ReturnType<typeof world>>
beforeAll(async () => {
  database = await createDatabase()
  sql = connect(database.appUrl, { max: 4 })
  parts = await world(sql)
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

async function world(sql: Sql) {
  const executor = new Executor(sql)
  const limitsAndAlerts = new LimitsAndAlerts(sql)
  const revocations = new PostgresRevocations(sql)
  const idempotency = new IdempotencyStore(sql)
  const open = async (who: typeof mine, op: Operation, rest: Partial<Command> = {}) => {
    const outcome = await executor.execute({
      op,
      tenant: who.tenant,
      actor: 'ada',
      userId: who.userId,
      currency: 'USD',
      amount: 100n,
      ...rest,
    })
    if (!outcome.ok) throw new Error(`${op}: ${outcome.code}`)
    return outcome.transaction.id
  }
  await open(mine, 'adjustment', { amount: 5_00n })
  await open({ ...mine, userId: 'bob' }, 'adjustment', { amount: 5_00n })
  await open({ ...theirs, userId: 'bob' }, 'adjustment', {
    amount: 777_777_777_00n,
    description: MARK,
  })
  await open(theirs, 'adjustment', { amount: 888_888_888_00n, description: MARK })
  const description = MARK
  const transactions = [
    await open(theirs, 'topup_request', { description }),
    await open(theirs, 'withdrawal_request', { description }),
    await open(theirs, 'hold', { description, idempotencyKey: 'k', expiresIn: 3600 }),
    await open(theirs, 'payment', { description }),
    await open(theirs, 'transfer', { description, toUserId: 'bob' }),
  ]
  const monitor = await limitsAndAlerts.putMonitor({
    ...theirs,
    currency: 'USD',
    threshold: 1n,
    direction: 'below',
  })
  await limitsAndAlerts.putLimit({
    ...theirs,
    type: 'booking_payment',
    currency: 'USD',
    maxAmount: 99_999n,
    maxSum: null,
    windowSeconds: null,
  })
  const revoked = await revocations.revoke({
    ...{ tenant: 'theirs', userId: 'alice', revokedBy: 'ada', expiresAt: null },
    reason: MARK,
  })
  await idempotency.run(
    { tenant: 'theirs', actor: 'ada', key: 'answer', asked: 'x' },
    async () => MARK,
  )
  return {
    executor,
    limitsAndAlerts,
    revocations,
    idempotency,
    transactions,
    monitor: monitor?.id ?? '',
    revocation: revoked.id,
    reader: new Reader(sql),
    auditor: new Auditor(sql),
    events: await PostgresEventStore.open(sql),
  }
}

/** Tables that belong to no tenant. A new table has to have one, or stand here. */
const COMMON = ['currencies', 'meta', 'schema_files']

const OF_THEIRS = {
  tenant: `tenant = 'theirs'`,
  wallet_id: `wallet_id in (select id from wallets where tenant = 'theirs')`,
  account_id: `account_id in (select a.id from accounts a join wallets w on w.id = a.wallet_id
    where w.tenant = 'theirs')`,
  wallet_ids: `wallet_ids && array(select id from wallets where tenant = 'theirs')`,
}

/** Every row of `theirs`, as text, by table. */
async function rowsOfTheirs(): Promise<Record<string, string[]>> {
  const tables = await sql<{ name: string; columns: string }[]>`
    select c.relname as name, string_agg(a.attname, ' ') as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    group by c.relname order by c.relname`
  const dump: Record<string, string[]> = {}
  for (const { name, columns } of tables) {
    const key = Object.keys(OF_THEIRS).find((column) => columns.split(' ').includes(column))
    if (key === undefined) {
      expect(COMMON).toContain(name)
      continue
    }
    const where = OF_THEIRS[key as keyof typeof OF_THEIRS]
    const rows = await sql.unsafe<{ row: string }[]>(
      `select t::text as row from ${name} t where ${where} order by 1`,
    )
    dump[name] = rows.map(({ row }) => row)
  }
  return dump
}

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const page of pages) found.push(page)
  return found
}

/** By class and method: the calls that `mine` can make, with everything that `theirs` has. */
const CALLS: Record<string, Record<string, () => Promise<unknown>>> = {
  Reader: {
    balance: () => parts.reader.balance(mine, 'USD'),
    knownBalance: () => parts.reader.knownBalance(mine, 'USD'),
    balanceAt: () => parts.reader.balanceAt(mine, 'USD', '2999-01-01T00:00:00Z'),
    balances: () => parts.reader.balances(mine),
    balanceSeries: () => parts.reader.balanceSeries(mine, 'USD', { points: 3 }),
    snapshot: () => parts.reader.snapshot(mine, 'USD'),
    wallets: () => parts.reader.wallets({ tenant: 'mine', currency: 'USD', limit: 100 }),
  },
  TransactionReader: {
    transaction: () =>
      Promise.all(
        parts.transactions.flatMap((id) => [
          parts.reader.transaction('mine', id),
          parts.reader.transaction('mine', id, 'alice'),
        ]),
      ),
    transactions: () =>
      Promise.all([
        parts.reader.transactions({ tenant: 'mine', limit: 100 }),
        ...parts.transactions.map((cursor) =>
          parts.reader.transactions({ ...mine, cursor, limit: 100 }),
        ),
      ]),
    requests: () =>
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
    statement: async () => [
      await all(parts.reader.statement(mine)),
      await all(parts.reader.statement({ tenant: 'mine' })),
    ],
  },
  Auditor: {
    verify: () => parts.auditor.verify(mine, 'USD'),
    audit: () => parts.auditor.audit('mine'),
    recalculate: () => parts.auditor.recalculate(mine, 'USD'),
    recalculateAll: () => parts.auditor.recalculateAll('mine'),
  },
  LimitsAndAlerts: {
    monitors: () => parts.limitsAndAlerts.monitors(mine),
    putMonitor: () =>
      parts.limitsAndAlerts.putMonitor({
        ...mine,
        currency: 'USD',
        threshold: 1n,
        direction: 'below',
      }),
    deleteMonitors: async () => [
      await parts.limitsAndAlerts.deleteMonitors(mine, parts.monitor),
      await parts.limitsAndAlerts.deleteMonitors(mine),
    ],
    limits: () => parts.limitsAndAlerts.limits('mine'),
    putLimit: () =>
      parts.limitsAndAlerts.putLimit({
        ...mine,
        type: 'hold',
        currency: 'USD',
        maxAmount: 1_000n,
        maxSum: null,
        windowSeconds: null,
      }),
    deleteLimit: () => parts.limitsAndAlerts.deleteLimit(mine, 'hold', 'USD'),
  },
  PostgresEventStore: {
    balance: () => parts.events.balance(mine, 'USD'),
    eventsAfter: () => parts.events.eventsAfter(mine, 0, 100),
    heads: () => parts.events.heads([mine]),
  },
  IdempotencyStore: {
    run: () =>
      parts.idempotency.run(
        { tenant: 'mine', actor: 'ada', key: 'answer', asked: 'x' },
        async () => 'mine',
      ),
  },
  PostgresRevocations: {
    revoke: () =>
      parts.revocations.revoke({
        ...{ tenant: 'mine', userId: 'alice', revokedBy: 'ada', expiresAt: null },
        reason: null,
      }),
    lift: () => parts.revocations.lift('mine', parts.revocation),
    list: () => parts.revocations.list({ tenant: 'mine', limit: 100 }),
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

test('every method that asks the database is here, or works for all tenants at once', () => {
  const { reader, auditor, limitsAndAlerts, events, idempotency, revocations } = parts
  const there = [reader, auditor, limitsAndAlerts, events, idempotency, revocations].flatMap(
    (part) => methodsOf(Object.getPrototypeOf(part)),
  )
  expect([...methods.map(([name]) => name), ...ACROSS].sort()).toEqual(there.sort())
})

/** Nothing of `theirs` is in what was answered, and nothing of it changed. */
async function staysApart(call: () => Promise<unknown>): Promise<void> {
  const before = await rowsOfTheirs()
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
  expect(await rowsOfTheirs()).toEqual(before)
}

test('there is something of everything to be seen', async () => {
  const rows = await rowsOfTheirs()
  const empty = Object.keys(rows).filter((table) => rows[table]?.length === 0)
  expect(empty).toEqual([])
})

test.each(methods)('%s stays within its tenant', async (_, call) => {
  await staysApart(call)
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

test.each(SETTLES)('a %s finds no transaction of another tenant', async (op, rest) => {
  await staysApart(async () => {
    for (const transactionId of parts.transactions) {
      const command = { op, tenant: 'mine', actor: 'ada', transactionId, ...rest }
      for (const userId of [undefined, 'alice']) {
        const outcome = await parts.executor.execute({ ...command, ...(userId && { userId }) })
        expect(outcome).toMatchObject({ ok: false, code: 'not_found' })
      }
    }
  })
})

const OPENS: [Operation, Partial<Command>][] = [
  ['topup_request', {}],
  ['payment', {}],
  ['transfer', { toUserId: 'bob' }],
  ['withdrawal_request', {}],
  ['hold', { idempotencyKey: 'k', expiresIn: 60 }],
  ['adjustment', {}],
]

test.each(OPENS)('a %s for a namesake moves nothing of the other', async (op, rest) => {
  await staysApart(async () => {
    const command = { op, ...mine, actor: 'ada', currency: 'USD', amount: 1n, ...rest }
    const outcome = await parts.executor.execute(command)
    expect(outcome.ok).toBe(true)
    return outcome
  })
})
