import { expect, test } from 'vitest'
import { balanceAt, changesOf, cut, path, scaleOf } from '../../web/wallet/balance-line.ts'

const flat = (balance: number) => [
  { time: 0, balance },
  { time: 10, balance },
]

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
  expect(cut([], 0, 10)).toEqual([])
})

test('the scale begins at zero and reaches every balance, in round steps', () => {
  expect(scaleOf(flat(100))).toEqual([0, 50, 100])
  expect(scaleOf(flat(101))).toEqual([0, 50, 100, 150])
  expect(scaleOf(flat(7))).toEqual([0, 2.5, 5, 7.5])
  expect(scaleOf(flat(0))).toEqual([0, 1])
  for (const high of [0.01, 0.3, 1, 9.99, 1234.56, 250_000, 90_071_992_547_409.91]) {
    const scale = scaleOf(flat(high))
    expect([high, scale[0], Number(scale.at(-1)) >= high]).toEqual([high, 0, true])
    expect(scale.length).toBeLessThanOrEqual(5)
  }
})

test('half the money is drawn at half the height', () => {
  const line = [
    { time: 0, balance: 50 },
    { time: 5, balance: 100 },
    { time: 10, balance: 100 },
  ]
  expect(path(line, 100, 100, 50)).toBe('M0.00 25.00H50.00V0.00H100.00V0.00')
})

test('a table of the line has its changes and its ends, and nothing in between', () => {
  const line = [10, 10, 10, 30, 30, 5, 5].map((balance, time) => ({ time, balance }))
  expect(changesOf(line).map(({ time }) => time)).toEqual([0, 3, 5, 6])
})
