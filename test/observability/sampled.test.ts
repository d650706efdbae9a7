import { expect, test } from 'vitest'
import { sampled } from '../../src/observability/sampled.ts'

test('who asks waits no longer than its patience, and what comes late counts for the next', async () => {
  let answer = (_: number) => {}
  let readings = 0
  const read = sampled(
    () => {
      readings += 1
      return new Promise<number>((resolve) => {
        answer = resolve
      })
    },
    { every: 60_000, patience: 20 },
  )
  // One that never answers, as a database does whose host is gone: nobody hangs, and it is asked once.
  expect(await Promise.all([read(), read()])).toEqual([null, null])
  expect(await read()).toBeNull()
  expect(readings).toBe(1)
  answer(7)
  await new Promise((resolve) => setImmediate(resolve))
  expect(await read()).toBe(7)
  expect(readings).toBe(1)
})

test('a reading that fails is null, and the next one is a new one', async () => {
  let readings = 0
  const read = sampled(
    async () => {
      readings += 1
      if (readings === 1) throw new Error('away')
      return readings
    },
    { every: 0, patience: 1_000 },
  )
  expect(await read()).toBeNull()
  expect(await read()).toBe(2)
})
