import { onTestFinished } from 'vitest'
import type { Command } from '../../../src/ledger/command.ts'
import { Executor } from '../../../src/ledger/executor.ts'
import { connect, type Sql } from '../../../src/postgres/database.ts'
import { settle } from '../../../src/tenants/homes.ts'
import type { Place } from '../../../src/tenants/move-state.ts'
import { createDatabase } from '../database.ts'

export interface TestLedger extends Place {
  /** As the owner of the tables. */
  sql: Sql
  executor: Executor
  /** In USD. */
  run(command: Partial<Command> & Pick<Command, 'op' | 'tenant'>): ReturnType<Executor['execute']>
  give(tenant: string, userId: string, amount: bigint): Promise<void>
  /** As a server does it with what it has published. */
  publish(): Promise<void>
  balances(tenant: string): Promise<Record<string, bigint>>
  audit(tenant: string): Promise<unknown[]>
}

/** Databases of an installation, each with an empty ledger and a range of ids of its own. The first one is the main one. */
export async function openLedgers(...names: string[]): Promise<TestLedger[]> {
  return Promise.all(names.map((name, range) => openLedger(name, range)))
}

async function openLedger(name: string, range: number): Promise<TestLedger> {
  const database = await createDatabase()
  const sql = connect(database.ownerUrl, { max: 3 })
  onTestFinished(async () => {
    await sql.end({ timeout: 1 })
    await database.drop()
  })
  await sql`update meta set deeds_since = '-infinity'`
  await sql`select reserve_ids(${range}::int)`
  const executor = new Executor(sql, { retryForMs: 500 })
  const run: TestLedger['run'] = (command) =>
    executor.execute({
      actor: command.userId ?? 'ada',
      ...(command.transactionId ? {} : { currency: 'USD' }),
      ...command,
    })
  return {
    ...{ name, url: database.ownerUrl, sql, executor, run },
    async give(tenant, userId, amount) {
      const outcome = await run({ op: 'adjustment', tenant, actor: 'ada', userId, amount })
      if (!outcome.ok) throw new Error(outcome.code)
    },
    async publish() {
      await sql`select outbox_acknowledge(array(select id from outbox))`
    },
    async balances(tenant) {
      const rows = await sql<{ user_id: string; balance: string }[]>`
        select user_id, balance from balance_snapshots where tenant = ${tenant} order by user_id`
      return Object.fromEntries(rows.map((row) => [row.user_id, BigInt(row.balance)]))
    },
    audit: async (tenant) => [
      ...(await sql`
        select d from audit(${tenant}) as a, json_array_elements(a.discrepancies) as d
        where json_typeof(a.discrepancies) = 'array'`),
    ],
  }
}

/** As a server does it that has a tenant in TENANT_DATABASES. */
export const place = (main: TestLedger, { sql }: TestLedger, tenant: string) =>
  settle(main.sql, sql, [tenant])
