import { expect, test } from 'vitest'
import type { Transaction } from '../../web/parts/transaction.ts'
import { balanceAt, bounds, cut, path, pointsOf } from '../../web/wallet/balance-line.ts'

const at = (second: number) => new Date(second * 1000).toISOString()

function moved(part: Partial<Transaction>): Transaction {
  return {
    id: 'a',
    type: 'admin_adjustment',
    createdAt: at(0),
    updatedAt: at(0),
    ...part,
  } as Transaction
}

test('the line begins with what there was before the first transaction', () => {
  const line = pointsOf([moved({ createdAt: at(9), previousBalance: 5, newBalance: 7 })])
  expect(line).toEqual([
    { time: 8_999, balance: 5 },
    { time: 9_000, balance: 7 },
  ])
})

test('a topup counts from when it was approved, a payment from when it was made', () => {
  const line = pointsOf([
    moved({
      type: 'topup',
      createdAt: at(1),
      updatedAt: at(20),
      previousBalance: 3,
      newBalance: 53,
    }),
    // Refunded later, which touched it.
    moved({
      type: 'booking_payment',
      createdAt: at(10),
      updatedAt: at(30),
      previousBalance: 9,
      newBalance: 3,
    }),
  ])
  expect(line.map(({ balance }) => balance)).toEqual([9, 3, 53])
})

test('what moved no money is no part of it', () => {
  expect(pointsOf([moved({ previousBalance: null, newBalance: null })])).toEqual([])
  expect(cut([], 0, 10)).toEqual([])
})

test('a part of the line holds the balance from before it, and up to its end', () => {
  const points = [
    { time: 1, balance: 10 },
    { time: 5, balance: 20 },
  ]
  expect(cut(points, 3, 9)).toEqual([
    { time: 3, balance: 10 },
    { time: 5, balance: 20 },
    { time: 9, balance: 20 },
  ])
  expect(balanceAt(points, 4)).toBe(10)
})

test('a balance that never changed is drawn all the same', () => {
  const line = [
    { time: 0, balance: 0 },
    { time: 10, balance: 0 },
  ]
  const range = bounds(line)
  expect(range.low).toBe(0)
  expect(path(line, range, 100, 50)).toBe('M0.00 50.00H100.00V50.00')
})
