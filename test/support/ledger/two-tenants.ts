import { expect } from 'vitest'
import { PostgresRevocations } from '../../../src/auth/revocation-store.ts'
import { Auditor } from '../../../src/ledger/auditor.ts'
import type { Command, Operation } from '../../../src/ledger/command.ts'
import { PostgresEventStore } from '../../../src/ledger/event-store.ts'
import { Executor } from '../../../src/ledger/executor.ts'
import { IdempotencyStore } from '../../../src/ledger/idempotency-store.ts'
import { LimitsAndAlerts } from '../../../src/ledger/limits-and-alerts.ts'
import { Reader } from '../../../src/ledger/reader.ts'
import type { Sql } from '../../../src/postgres/database.ts'
import { test as base } from '../fixtures.ts'

/** Two tenants with users of the same names. Whatever `mine` asks for, in all of `theirs` ids, is its own. */
export const mine = { tenant: 'mine', userId: 'alice' }
export const theirs = { tenant: 'theirs', userId: 'alice' }
/** In every text that belongs to `theirs`. */
export const MARK = 'MARK-OF-THEIRS'

export type Parts = Awaited<ReturnType<typeof openTenants>>

/** The parts of a server that ask the database, with the ids of `theirs` that could be asked for. */
export const test = base.extend('parts', { scope: 'file' }, ({ sql }) => openTenants(sql))

async function openTenants(sql: Sql) {
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
export async function rowsOfTheirs(sql: Sql): Promise<Record<string, string[]>> {
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
