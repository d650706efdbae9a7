import { expect, test } from 'vitest'
import { TurnLimit } from '../../src/realtime/connections/limits.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a storm begins over many turns, in order, and others get their turn between', async () => {
  const limit = new TurnLimit(3)
  const begun: number[] = []
  let turns = 0
  for (let i = 0; i < 8; i++) {
    void (async () => {
      await limit.take()
      begun.push(i)
    })()
  }
  await Promise.resolve()
  const counts = [begun.length]
  while (begun.length < 8 && turns++ < 20) {
    await turn()
    counts.push(begun.length)
  }
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(counts.filter((count, i) => count !== counts[i - 1])).toEqual([3, 6, 8])
})

test('a single handshake waits for nothing, also after a storm', async () => {
  const limit = new TurnLimit(2)
  expect(limit.take()).toBeUndefined()
  await Promise.all([limit.take(), limit.take(), limit.take()])
  await turn()
  await turn()
  expect([limit.take(), limit.take()]).toEqual([undefined, undefined])
  expect(limit.take()).toBeInstanceOf(Promise)
})
