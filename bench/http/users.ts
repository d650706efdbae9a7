import { Executor } from '../../src/ledger/executor.ts'
import type { Sql } from '../../src/postgres/database.ts'

const TENANT = { tenant: 'default', currency: 'USD' } as const

/** `user-0`, `user-1`, … */
export function userIds(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `user-${i}`)
}

/** Gives each user an amount in minor units. Nothing is published. */
export async function fund(sql: Sql, users: readonly string[], amount: bigint): Promise<void> {
  const executor = new Executor(sql)
  await Promise.all(
    users.map((userId) =>
      executor.execute({ ...TENANT, op: 'adjustment', actor: 'admin', userId, amount }),
    ),
  )
}

/** Requests topups, one user after the other. Returns their ids. */
export function openTopups(
  sql: Sql,
  users: readonly string[],
  count: number,
  amount: bigint,
): Promise<string[]> {
  const executor = new Executor(sql)
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const userId = users[i % users.length] as string
      const opened = await executor.execute({
        ...{ ...TENANT, op: 'topup_request', actor: userId },
        userId,
        amount,
      })
      if (!opened.ok) throw new Error(opened.code)
      return opened.transaction.id
    }),
  )
}

/** More work than will be done in that time, estimated from the rate before. */
export function enough(rates: readonly number[] = [], seconds = 1): number {
  return Math.ceil(Math.max(4_000, ...rates) * 1.5 * seconds)
}
