import { expect } from 'vitest'
import type { TransactionStatus } from '../../src/ledger/command.ts'
import { damage } from '../support/ledger/damage.ts'
import { type Sample, tenant, test } from '../support/ledger/sample.ts'

async function hold(ledger: Sample, userId: string, end?: 'hold_capture' | 'hold_void') {
  await ledger.fund(userId, 100n)
  const { id } = await ledger.accepted({ op: 'hold', userId, amount: 50n, expiresIn: 60 })
  await ledger.accepted({ op: 'hold_capture', transactionId: id, amount: 20n, final: false })
  if (end)
    await ledger.accepted({
      op: end,
      transactionId: id,
      ...(end === 'hold_capture' && { amount: 5n }),
    })
  return id
}

test.for<
  [name: string, end: 'hold_capture' | 'hold_void' | undefined, captured: number, problem: string]
>([
  ['an open hold', undefined, 51, 'an open hold has captured more than it holds'],
  ['an open hold', undefined, -1, 'an open hold has captured more than it holds'],
  ['a captured hold', 'hold_capture', 24, 'a hold was not charged what it captured'],
  ['a captured hold', 'hold_capture', 26, 'a hold was not charged what it captured'],
  ['a released hold', 'hold_void', 0, 'a hold was not charged what it captured'],
])(
  'the audit finds what %s captured that was altered (%s, %i)',
  async ([name, end, captured, problem], { ledger }) => {
    const userId = `${name}${captured}`.replaceAll(' ', '-')
    const id = await hold(ledger, userId, end)
    const found = async () => {
      const { discrepancies } = await ledger.auditor.audit(tenant)
      return discrepancies
        .filter((one) => one.userId === userId)
        .map((one) => [one.problem, one.at])
    }
    expect(await found()).toEqual([])
    expect(
      await damage(
        ledger,
        `update transactions set hold_state.captured = ${captured} where id = '${id}'`,
      ),
    ).toBe(1)
    expect(await found()).toEqual([[problem, id]])
  },
)

test.for<TransactionStatus>(['cancelled', 'expired'])(
  'the audit finds a hold that ended as %s without a charge of what it captured',
  async (status, { ledger }) => {
    const userId = `uncharged-${status}`
    const id = await hold(ledger, userId)
    await damage(ledger, `update transactions set status = '${status}' where id = '${id}'`)
    await damage(ledger, `update balance_snapshots set held = 0 where user_id = '${userId}'`)
    const { discrepancies } = await ledger.auditor.audit(tenant)
    expect(discrepancies.filter((one) => one.userId === userId)).toMatchObject([
      { problem: 'a hold was not charged what it captured', at: id },
    ])
  },
)
