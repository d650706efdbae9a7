import pino from 'pino'
import { Auditor } from '../../../src/ledger/auditor.ts'
import type { Command, Outcome, Transaction } from '../../../src/ledger/command.ts'
import { PostgresEventStore } from '../../../src/ledger/event-store.ts'
import { Executor } from '../../../src/ledger/executor.ts'
import { FourEyes } from '../../../src/ledger/four-eyes.ts'
import type { Freeze } from '../../../src/ledger/freeze.ts'
import { Freezes } from '../../../src/ledger/freezes.ts'
import { LimitsAndAlerts } from '../../../src/ledger/limits-and-alerts.ts'
import { Reader } from '../../../src/ledger/reader.ts'
import type { Sql } from '../../../src/postgres/database.ts'
import { test as base } from '../fixtures.ts'
import { eventually } from '../index.ts'

export const tenant = 'default'
export const USD = 'USD'
export const silent = pino({ level: 'silent' })

export type Some = Partial<Command> & Pick<Command, 'op'>

/** A ledger in a database of its own, with short words for what tests do to it. */
export interface Sample {
  /** As the server connects. */
  sql: Sql
  /** As the owner connects: for what the server may not do. */
  owner: Sql
  executor: Executor
  reader: Reader
  store: PostgresEventStore
  auditor: Auditor
  limitsAndAlerts: LimitsAndAlerts
  freezes: Freezes
  fourEyes: FourEyes
  /** In the default tenant and in USD, by the user concerned or else by `admin`. */
  run(command: Some): Promise<Outcome>
  /** `run`, where a refusal is a failure of the test. */
  accepted(command: Some): Promise<Transaction>
  fund(userId: string, amount: bigint): Promise<Transaction>
  freeze(userId: string, what: Partial<Freeze>): Promise<boolean>
  stateOf(userId: string): Promise<{ balance: bigint; held: bigint }>
  /** `[seq, event, newBalance]` of each. */
  eventsOf(userId: string): Promise<[number, string, bigint][]>
  /** Resolves once one statement, that has `part` in its text, waits for a lock. */
  somebodyWaits(part?: string): Promise<void>
}

async function openSample(sql: Sql, owner: Sql): Promise<Sample> {
  // Otherwise audits would ask for deeds only after the first minute.
  await owner`update meta set deeds_since = '-infinity'`
  const executor = new Executor(sql)
  const reader = new Reader(sql)
  const freezes = new Freezes(sql, { currency: USD })
  const store = await PostgresEventStore.open(sql)

  const run = (command: Some) =>
    executor.execute({
      tenant,
      actor: command.userId ?? 'admin',
      ...(command.transactionId ? {} : { currency: USD }),
      ...command,
    })
  const accepted = async (command: Some) => {
    const outcome = await run(command)
    if (!outcome.ok) throw new Error(`refused: ${outcome.code}`)
    return outcome.transaction
  }
  return {
    sql,
    owner,
    executor,
    reader,
    store,
    auditor: new Auditor(sql),
    limitsAndAlerts: new LimitsAndAlerts(sql),
    freezes,
    fourEyes: new FourEyes(sql),
    run,
    accepted,
    fund: (userId, amount) => accepted({ op: 'adjustment', actor: 'admin', userId, amount }),
    freeze: (userId, { debits = false, credits = false }) =>
      freezes.set({ tenant, userId }, { debits, credits, reason: 'a test', by: 'admin' }),
    async stateOf(userId) {
      const { balance, held } = await reader.balance({ tenant, userId }, USD)
      return { balance, held }
    },
    async eventsOf(userId) {
      const { events } = await store.eventsAfter({ tenant, userId }, 0, 1_000)
      return events.map(({ seq, event, newBalance }) => [seq, event, newBalance])
    },
    somebodyWaits: (part = '') =>
      eventually(async () => {
        // Never from inside a transaction, which would see the activity as it was at its first look.
        const waiting = await owner`
          select from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'
            and strpos(query, ${part}) > 0`
        if (waiting.length !== 1) throw new Error(`${waiting.length} wait for a lock`)
      }),
  }
}

/** Tests on one ledger a file, in the file's `database`. */
export const test = base.extend('ledger', { scope: 'file' }, ({ sql, owner }) =>
  openSample(sql, owner),
)
