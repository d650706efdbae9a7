import { expect, test } from 'vitest'
import { sampled } from '../../src/observability/metrics.ts'

test('a caller waits no longer than the timeout, and a late value is used for the next', async () => {
  let answer = (_: number) => {}
  let readings = 0
  const read = sampled(
    () => {
      readings += 1
      return new Promise<number>((resolve) => {
        answer = resolve
      })
    },
    { intervalMs: 60_000, timeoutMs: 20 },
  )
  // It never answers, like a database whose host is lost. No caller hangs, and it is read once.
  expect(await Promise.all([read(), read()])).toEqual([null, null])
  expect(await read()).toBeNull()
  expect(readings).toBe(1)
  answer(7)
  await new Promise((resolve) => setImmediate(resolve))
  expect(await read()).toBe(7)
  expect(readings).toBe(1)
})

test('a failed read is null, and the next call reads again', async () => {
  let readings = 0
  const read = sampled(
    async () => {
      readings += 1
      if (readings === 1) throw new Error('unavailable')
      return readings
    },
    { intervalMs: 0, timeoutMs: 1_000 },
  )
  expect(await read()).toBeNull()
  expect(await read()).toBe(2)
})
