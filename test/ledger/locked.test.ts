import { describe, expect } from 'vitest'
import type { Command } from '../../src/ledger/command.ts'
import { Executor } from '../../src/ledger/executor.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { DatabaseUnavailable } from '../../src/postgres/errors.ts'
import { test as base } from '../support/fixtures.ts'
import { tenant, USD } from '../support/ledger/sample.ts'

const OTHERS = Array.from({ length: 20 }, (_, i) => `other${i}`)

const common = { tenant, actor: 'admin', currency: USD }
const gift = (userId: string): Command => {
  return { ...common, op: 'adjustment', userId, amount: 100n, description: 'to begin with' }
}
const payment = (userId: string): Command => ({ ...common, op: 'payment', userId, amount: 1n })

const test = base.extend('payments', async ({ sql }) => {
  /** The commands of each call to the ledger. */
  const calls: Command[][] = []
  const observer = {
    calling(commands: readonly Command[]) {
      calls.push([...commands])
      return () => {}
    },
  }
  const executor = new Executor(sql, { retryForMs: 300, observers: [observer] })
  for (const user of ['ann', ...OTHERS]) await executor.execute(gift(user))
  return { executor, calls }
})

/** What an application, or somebody at a prompt, does in a transaction that it leaves open. */
const LOCKS: Record<string, (locker: Sql) => Promise<unknown>> = {
  'the wallet': (locker) => locker`select from wallets where user_id = 'ann' for update`,
  'the wallet, by a reference to it': (locker) =>
    locker`select from wallets where user_id = 'ann' for key share`,
  'the balance': (locker) => locker`select from balance_snapshots where user_id = 'ann' for update`,
}

async function balanceOf(owner: Sql, userId: string): Promise<number> {
  const [row] = await owner<{ balance: string }[]>`
    select balance from balance_snapshots where user_id = ${userId}`
  return Number(row?.balance)
}

describe.each(Object.entries(LOCKS))('while somebody locks %s', (_, lock) => {
  test('others pay on the same batches; who waits for it is told that nothing was applied', async ({
    owner,
    payments,
  }) => {
    const { executor, calls } = payments
    const topup = await executor.execute({
      ...common,
      op: 'topup_request',
      userId: 'ann',
      amount: 5n,
    })
    const transactionId = topup.ok ? topup.transaction.id : ''
    const before = await balanceOf(owner, 'ann')
    const locker = await owner.reserve()
    await locker`begin`
    await lock(locker)
    const concerned: Command[] = [
      payment('ann'),
      { ...common, op: 'transfer', userId: 'other0', toUserId: 'ann', amount: 1n },
      { ...common, op: 'topup_process', transactionId, status: 'success' },
    ]
    const refused = Promise.all(
      concerned.map((command) => executor.execute(command).catch((error: unknown) => error)),
    )
    for (let round = 0; round < 3; round++) {
      const outcomes = await Promise.all(OTHERS.map((user) => executor.execute(payment(user))))
      expect(outcomes.map(({ ok }) => ok)).toEqual(OTHERS.map(() => true))
    }
    for (const error of await refused) {
      expect(error).toBeInstanceOf(DatabaseUnavailable)
      expect(error).toHaveProperty('notApplied', true)
    }
    // The lock stood until here.
    await locker`commit`
    locker.release()
    expect(await balanceOf(owner, 'ann')).toBe(before)
    const shared = calls.filter((call) => call.some(({ userId }) => userId === 'ann'))
    expect(shared.some((call) => call.some(({ userId }) => userId === 'other1'))).toBe(true)

    const outcomes = await Promise.all(concerned.map((command) => executor.execute(command)))
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true])
    expect(await balanceOf(owner, 'ann')).toBe(before + 5)
  })

  test('once it is free again, what waited for it is done', async ({
    owner,
    sql,
    payments: _funded,
  }) => {
    const before = await balanceOf(owner, 'ann')
    const patient = new Executor(sql, { retryForMs: 60_000 })
    const locker = await owner.reserve()
    await locker`begin`
    await lock(locker)
    const waiting = patient.execute(payment('ann'))
    for (let round = 0; round < 3; round++) {
      await Promise.all(OTHERS.map((user) => patient.execute(payment(user))))
    }
    await locker`commit`
    locker.release()
    expect((await waiting).ok).toBe(true)
    expect(await balanceOf(owner, 'ann')).toBe(before - 1)
  })
})

test('a lock on something else than a wallet delays nobody else either', async ({
  owner,
  payments,
}) => {
  const { executor } = payments
  const locker = await owner.reserve()
  await locker`begin`
  await locker`insert into wallets (tenant, user_id) values (${tenant}, 'new')`
  const refused = executor.execute(gift('new')).catch((error: unknown) => error)
  for (let round = 0; round < 3; round++) {
    const outcomes = await Promise.all(OTHERS.map((user) => executor.execute(payment(user))))
    expect(outcomes.map(({ ok }) => ok)).toEqual(OTHERS.map(() => true))
  }
  expect(await refused).toHaveProperty('notApplied', true)
  await locker`rollback`
  locker.release()
})
