import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { RequestLoad } from '../../src/deliveries/load.ts'

/** Keeps the event loop from everything else. */
function work(ms: number): void {
  const began = performance.eventLoopUtilization()
  while (performance.eventLoopUtilization(began).active < ms);
}

function process() {
  let answered = 0
  const load = new RequestLoad(() => answered)
  return {
    /** It works, and answers and sends so many meanwhile. @returns how busy it is with requests */
    busy(requests: number, deliveries: number): number {
      work(50)
      answered += requests
      for (let i = 0; i < deliveries; i++) load.sent()
      return load.share()
    },
    share: () => load.share(),
  }
}

test('a process is as busy as its event loop if it answers requests', () => {
  expect(process().busy(100, 0)).toBeGreaterThan(0.9)
  expect(process().busy(100, 100)).toBeGreaterThan(0.9)
})

test('a process that does nothing but deliver is not busy', () => {
  expect(process().busy(0, 1000)).toBe(0)
  expect(process().busy(1, 1000)).toBeLessThan(0.01)
})

test('it is forgotten within seconds', async () => {
  const { busy, share } = process()
  const before = busy(100, 0)
  await expect.poll(share, { timeout: 10_000 }).toBeLessThan(before / 2)
})
