import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import type { Command, Operation, Outcome } from '../../src/ledger/command.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { DatabaseUnavailable } from '../../src/postgres/errors.ts'
import { test as base } from '../support/fixtures.ts'
import { eventually } from '../support/index.ts'

const WORKERS = 16
const COMMANDS = 20_000
const USERS = 50
/** As many server processes, each with its own connections. */
const PROCESSES = 4

const test = base
  .extend('pools', { scope: 'file' }, async ({ database }, { onCleanup }) => {
    const pools = Array.from({ length: PROCESSES }, () => connect(database.appUrl, { max: 2 }))
    onCleanup(async () => void (await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })))))
    return pools
  })
  .extend('executors', { scope: 'file' }, ({ pools }) =>
    pools.map((sql) => new Executor(sql, { retryForMs: 30_000, callTimeoutMs: 5_000 })),
  )

const user = () => `u${randomInt(USERS)}`
const pick = <T>(list: readonly T[]): T | undefined => list[randomInt(Math.max(list.length, 1))]

const OPENING: Operation[] = ['topup_request', 'payment', 'withdrawal_request', 'hold', 'transfer']
const SETTLES: Record<string, Operation[]> = {
  topup: ['topup_process', 'topup_cancel'],
  withdrawal: ['withdrawal_process'],
  hold: ['hold_capture', 'hold_void'],
  booking_payment: ['refund'],
}

/** Everything that this test knows to have been asked for and answered. */
class Chronicle {
  /** The answers to each key, however often it was sent. */
  readonly answers = new Map<string, Outcome[]>()
  readonly commands: Command[] = []
  readonly open: { id: string; type: string }[] = []
  readonly errors: unknown[] = []
  unknown = 0
  #next = 0

  draft(): Command {
    const key = `k${this.#next++}`
    const about = randomInt(3) === 0 ? pick(this.open) : undefined
    const command: Command = about
      ? {
          op: pick(SETTLES[about.type] ?? []) ?? 'refund',
          ...{ tenant: 'default', actor: 'admin', transactionId: about.id, status: 'success' },
        }
      : {
          op: randomInt(4) === 0 ? 'adjustment' : (pick(OPENING) ?? 'payment'),
          ...{ tenant: 'default', actor: 'admin', userId: user(), toUserId: user() },
          ...{ currency: 'USD', amount: BigInt(randomInt(1, 200)), expiresIn: 3_600 },
        }
    if (command.op === 'payment' && randomInt(3) === 0) {
      command.split = [
        { to: user(), share: 3 },
        { fee: `f${randomInt(3)}`, share: 1 },
      ]
    }
    command.description = key
    // Without a key nobody can say whether a broken call was applied: so these only move money about.
    if (command.op !== 'transfer' || randomInt(2) === 0) command.idempotencyKey = key
    return command
  }

  note(command: Command, outcome: Outcome): void {
    if (command.idempotencyKey !== undefined) {
      const answers = this.answers.get(command.idempotencyKey) ?? []
      answers.push(outcome)
      this.answers.set(command.idempotencyKey, answers)
    }
    if (outcome.ok && !outcome.replayed && outcome.transaction.type in SETTLES) {
      this.open.push(outcome.transaction)
    }
  }
}

async function work(
  executors: readonly Executor[],
  record: Chronicle,
  commands: number,
): Promise<void> {
  for (let sent = 0; sent < commands; ) {
    const burst = Array.from({ length: 1 + randomInt(8) }, () => again(record) ?? record.draft())
    sent += burst.length
    await Promise.all(burst.map((command) => send(executors, record, command)))
  }
}

/** Now and then a command that was sent before: the same once more, or its key with something else. */
function again(record: Chronicle): Command | undefined {
  const chance = randomInt(20)
  if (chance > 2) return undefined
  const earlier = record.commands[record.commands.length - 1 - randomInt(40)]
  if (!earlier?.idempotencyKey) return undefined
  if (chance > 0) return earlier
  return { ...record.draft(), idempotencyKey: earlier.idempotencyKey }
}

async function send(
  executors: readonly Executor[],
  record: Chronicle,
  command: Command,
): Promise<void> {
  record.commands.push(command)
  // Twins arrive at two processes at once.
  const twins = randomInt(10) === 0 && command.idempotencyKey !== undefined ? 2 : 1
  await Promise.all(
    Array.from({ length: twins }, async () => {
      try {
        const executor = pick(executors) as Executor
        record.note(command, await executor.execute(command))
      } catch (error) {
        const unsure = error instanceof DatabaseUnavailable && !command.idempotencyKey
        if (unsure) record.unknown += 1
        else record.errors.push(error)
      }
    }),
  )
}

/** Ends one of the servers' connections for every 250 commands sent, in the middle of whatever it does. */
async function harass(owner: Sql, record: Chronicle, signal: AbortSignal): Promise<number> {
  let killed = 0
  while (!signal.aborted) {
    if (record.commands.length < killed * 250) {
      // A pause between two looks at the count: nothing depends on its length.
      await sleep(10)
      continue
    }
    const gone = await owner`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and usename <> current_user
      order by random() limit 1`
    killed += gone.count
  }
  return killed
}

test('16 workers, 20,000 commands, duplicates and killed connections: every key moves money once, the audit is clean', async ({
  owner,
  pools,
  executors,
}) => {
  const record = new Chronicle()
  const stop = new AbortController()
  const harassing = harass(owner, record, stop.signal)
  await Promise.all(
    Array.from({ length: WORKERS }, () => work(executors, record, COMMANDS / WORKERS)),
  )
  stop.abort()
  expect(await harassing).toBeGreaterThan(10)

  expect(record.errors.map(String)).toEqual([])
  // Whoever asked under one key was told of one transaction, or was refused for good.
  let expected = 0n
  for (const [key, answers] of record.answers) {
    const told = answers.filter((one) => one.ok || one.code !== 'idempotency_key_reused')
    const first = told[0]
    expect(new Set(told.map((one) => (one.ok ? one.transaction.id : one.code))).size, key).toBe(1)
    expect(answers.filter((one) => one.ok && !one.replayed).length, key).toBeLessThanOrEqual(1)
    if (first?.ok && first.transaction.type !== 'transfer') {
      const { previousBalance, newBalance } = first.transaction
      expected += (newBalance ?? 0n) - (previousBalance ?? 0n)
      // What payees got of it, or gave back.
      for (const part of first.transaction.split ?? []) {
        if ('to' in part) expected += first.transaction.amount < 0n ? part.amount : -part.amount
      }
    }
  }
  const [sum] = await owner`select sum(balance)::text as total from balance_snapshots`
  expect(sum).toEqual({ total: String(expected) })
  expect(
    await owner`
      select description, count(*) from transactions
      where type <> 'split' and (type <> 'transfer' or amount < 0)
      group by 1 having count(*) > 1`,
  ).toHaveLength(0)

  const { discrepancies, ledger, entries } = await new Auditor(pools[0] as Sql).audit('default')
  expect(discrepancies).toEqual([])
  for (const { debits, credits } of ledger) expect(debits).toBe(credits)
  expect(entries).toBeGreaterThan(5_000)
  expect(
    await owner`
      select w.user_id from wallets w join events e on e.wallet_id = w.id
      group by w.id having count(*) <> w.seq or min(e.seq) <> 1 or max(e.seq) <> w.seq`,
  ).toHaveLength(0)

  // A backend tells its last second's numbers when it ends.
  await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })))
  await eventually(async () => {
    const left = await owner`
      select from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend'
        and usename <> current_user`
    expect(left).toHaveLength(0)
  })
  const [deadlocks] = await owner`
    select deadlocks::int from pg_stat_database where datname = current_database()`
  expect(deadlocks).toEqual({ deadlocks: 0 })
})
