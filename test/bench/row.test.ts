import { expect, test } from 'vitest'
import { tableOf } from '../../bench/report.ts'
import { compare, figure, growth } from '../../bench/row.ts'

const limit = { name: 'bare node:http', rounds: [100, 50, 200] }

test('a figure is the middle of its rounds, with their ends', () => {
  expect(figure([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9 })
  expect(figure([4, 1, 2, 9])).toEqual({ median: 3, min: 1, max: 9 })
  expect(figure([7])).toEqual({ median: 7, min: 7, max: 7 })
  expect(() => figure([])).toThrow('nothing was measured')
})

test('a round that the machine slowed down slows both sides of its ratio', () => {
  const row = compare({ what: 'a read', unit: '/s', ours: [70, 35, 140], limit, direction: '≥' })
  expect(row.ratio).toEqual({ median: 0.7, min: 0.7, max: 0.7 })
  expect(row).not.toHaveProperty('goal')
  expect(row).not.toHaveProperty('reached')
})

test('a goal is reached by as much as is printed of the ratio, in its own direction', () => {
  const reached = (ours: number[], direction: '≥' | '≤', goal: number) =>
    compare({ what: 'a read', unit: '/s', ours, limit, direction, goal }).reached
  expect(reached([69.6, 34.8, 139.2], '≥', 0.7)).toBe(true)
  expect(reached([69, 34.5, 138], '≥', 0.7)).toBe(false)
  expect(reached([70.4, 35.2, 140.8], '≤', 0.7)).toBe(true)
  expect(reached([71, 35.5, 142], '≤', 0.7)).toBe(false)
})

test('growth is the largest size beside the smallest, and keeps the curve', () => {
  const row = growth({
    what: 'a page of a statement',
    unit: 'µs',
    by: 'rows',
    sizes: [
      { size: 1_000, rounds: [10, 10] },
      { size: 10_000, rounds: [11, 11] },
      { size: 100_000, rounds: [12, 14] },
    ],
    goal: 1.3,
  })
  expect(row).toMatchObject({
    what: 'a page of a statement, 100,000 rows',
    limit: { name: '1,000 rows', median: 10 },
    ratio: { median: expect.closeTo(1.3), min: 1.2, max: 1.4 },
    reached: true,
  })
  expect(row.growth?.points.map(({ cost }) => cost.median)).toEqual([10, 11, 13])
})

test('the table names every bench, every verdict and what was not measured', () => {
  const row = compare({
    ...{ what: 'a read', unit: '/s', ours: [70, 30, 140], limit, direction: '≥' as const },
    goal: 0.65,
  })
  const text = tableOf([
    { bench: 'reads', rows: [row], skipped: [] },
    { bench: 'writes', rows: [], skipped: ['pgbench is not on the PATH'] },
  ])
  expect(text.split('\n')).toEqual([
    expect.stringMatching(/^what +ours +limit or peer +unit +ratio +goal +reached$/),
    expect.stringMatching(
      /^reads: a read +70\.0 \(30\.0–140\) +100 \(50\.0–200\) bare node:http +\/s +0\.70 \(0\.60–0\.70\) +≥ 0\.65 +yes$/,
    ),
    'writes, not measured: pgbench is not on the PATH',
  ])
})
