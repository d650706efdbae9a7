import { Writable } from 'node:stream'
import { expect } from 'vitest'
import { withTimeout } from '../../src/lib/timeout.ts'
import { pipeCopy } from '../../src/postgres/driver.ts'
import { test } from '../support/fixtures.ts'

test.for([10, 30, 60, 1_000])(
  'a session answers after it copied %i KB to somebody slow',
  async (rows, { owner }) => {
    let bytes = 0
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _, done) {
        bytes += chunk.length
        setImmediate(done)
      },
    })
    const answer = await owner.begin(async (tx) => {
      const select = `select repeat('x', 1023) from generate_series(1, ${rows})`
      const copied = await tx.unsafe(`copy (${select}) to stdout`).readable()
      await pipeCopy(copied, slow, undefined)
      const next = Promise.resolve(tx<{ answer: number }[]>`select 1 as answer`)
      return withTimeout(next, 20_000, () => 'no answer')
    })
    expect([bytes, answer]).toEqual([rows * 1024, [{ answer: 1 }]])
  },
)
