import { expect, test } from 'vitest'
import { Laps } from '../src/laps.ts'

test('the parts of a start follow one another, from the start of the process', () => {
  const laps = new Laps()
  laps.end('settings')
  laps.end('listening')
  const now = performance.now()
  expect(Object.keys(laps.took)).toEqual(['node', 'code', 'settings', 'listening'])
  const parts = Object.values(laps.took)
  expect(Math.min(...parts)).toBeGreaterThanOrEqual(0)
  const sum = parts.reduce((total, part) => total + part, 0)
  // Each is rounded to a tenth.
  expect(sum).toBeLessThanOrEqual(now + 0.2)
  expect(laps.took.node).toBeGreaterThan(0)
})
