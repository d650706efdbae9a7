import { expect, test, vi } from 'vitest'
import { allFulfilled, Batcher, type BatcherOptions } from '../../src/lib/batcher.ts'

/** A batcher that doubles numbers, and the sizes of its calls so far. Each call ends when the test says so. */
function doubling(options: BatcherOptions) {
  const calls: number[] = []
  const ends: (() => void)[] = []
  const batcher = new Batcher(async (items: number[]) => {
    calls.push(items.length)
    await new Promise<void>((resolve) => ends.push(resolve))
    return allFulfilled(items.map((item) => item * 2))
  }, options)
  const add = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => batcher.add(i)))
  return { calls, add, end: () => ends.shift()?.() }
}

test('items of one turn are one call, and each gets its own result', async () => {
  const { calls, add, end } = doubling({ size: 10 })
  const results = add(3)
  await vi.waitFor(() => expect(calls).toEqual([3]))
  end()
  expect(await results).toEqual([0, 2, 4])
})

test('a call that throws rejects its items, and the next one goes on', async () => {
  let calls = 0
  const batcher = new Batcher(
    async (items: number[]) => {
      if (calls++ === 0) throw new Error('no')
      return allFulfilled(items)
    },
    { size: 10, inFlight: 1 },
  )
  await expect(batcher.add(1)).rejects.toThrow('no')
  expect(await batcher.add(2)).toBe(2)
})

test('what comes while the limit of calls is reached is the next call', async () => {
  const { calls, add, end } = doubling({ size: 10, inFlight: 1 })
  void add(1)
  await vi.waitFor(() => expect(calls).toEqual([1]))
  void add(4)
  void add(3)
  end()
  await vi.waitFor(() => expect(calls).toEqual([1, 7]))
  end()
})

test('after a call with several items the next one gathers more; a single one never waited', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  try {
    const { calls, add, end } = doubling({ size: 10, inFlight: 1, gatherMs: 40 })
    const turns = async () => {
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    void add(1)
    await turns()
    end()
    await turns()
    void add(2)
    await turns()
    expect(calls).toEqual([1, 2])
    end()
    await turns()
    void add(1)
    await turns()
    void add(4)
    vi.advanceTimersByTime(39)
    await turns()
    expect(calls).toEqual([1, 2])
    vi.advanceTimersByTime(1)
    await turns()
    expect(calls).toEqual([1, 2, 5])
    // A full call has nothing to wait for.
    void add(10)
    end()
    await turns()
    expect(calls).toEqual([1, 2, 5, 10])
  } finally {
    vi.useRealTimers()
  }
})
