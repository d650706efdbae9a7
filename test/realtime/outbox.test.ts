import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { Outbox } from '../../src/realtime/outbox.ts'
import { eventually } from '../support/index.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { FragileBus } from '../support/realtime/fragile-bus.ts'

function open(ledger = new FakeLedger(), logger = silent, leftOverAfterMs = 100) {
  const bus = new FragileBus()
  const outbox = new Outbox({
    bus,
    store: ledger,
    logger,
    sweepEveryMs: 20,
    leftOverAfterMs,
  })
  onTestFinished(() => outbox.close())
  const seqs = () => bus.published.map(({ seq }) => seq)
  return { ledger, bus, outbox, seqs }
}

describe('invariant 5: published at least once', () => {
  test('a commit is published at once, and its row is deleted', async () => {
    const { ledger, outbox, seqs } = open()
    expect(await outbox.publish(ledger.change(ALICE, 1n))).toBe(true)
    expect(seqs()).toEqual([1, 2])
    await eventually(() => expect(ledger.outbox.size).toBe(0))
  })

  test('another process publishes what a killed process left, within two seconds', async () => {
    const { ledger, seqs } = open()
    ledger.change(ALICE, 1n)
    await eventually(() => expect(seqs()).toEqual([1, 2]), { timeout: 2000 })
    await eventually(() => expect(ledger.outbox.size).toBe(0))
  })

  test('a row that a killed process left, and whose events are deleted since, is removed without being published', async () => {
    const { ledger, bus } = open()
    ledger.change(ALICE, 1n).events.length = 0
    expect(ledger.outbox.size).toBe(1)
    await eventually(() => expect(ledger.outbox.size).toBe(0))
    expect(bus.attempts).toBe(0)
  })

  test('a change that could not be published is published once Redis is back', async () => {
    const { ledger, bus, outbox, seqs } = open()
    bus.fails = true
    expect(await outbox.publish(ledger.change(ALICE, 1n))).toBe(false)
    bus.fails = false
    await eventually(() => expect(seqs()).toEqual([1, 2]))
  })

  test('a row whose acknowledgement failed is published again, then deleted', async () => {
    const { ledger, outbox } = open()
    ledger.down = true
    await outbox.publish(ledger.change(ALICE, 1n))
    // More than twice the batching time of acknowledgements: one was tried, and failed.
    await sleep(50)
    expect(ledger.outbox.size).toBe(1)
    ledger.down = false
    await eventually(() => expect(ledger.outbox.size).toBe(0))
  })

  test('while Redis is unavailable nothing is claimed, and nothing is tried in a hot loop', async () => {
    const { ledger, bus } = open()
    bus.reachable = false
    for (let i = 0; i < 10; i++) ledger.change(ALICE, 1n)
    // Fifteen sweeps, three times the age from which a row is left over: none of them publishes.
    await sleep(300)
    expect(bus.attempts).toBe(0)
    bus.reachable = true
    bus.fails = true
    const start = Date.now()
    await eventually(() => expect(bus.attempts).toBeGreaterThan(10))
    // The period over which the attempts are counted.
    await sleep(300)
    // Each row once within `leftOverAfterMs`, however long that was.
    expect(bus.attempts).toBeLessThanOrEqual(10 * (1 + (Date.now() - start) / 100))
    bus.fails = false
    await eventually(() => expect(ledger.outbox.size).toBe(0))
  })
})

test('a caller waits for a stuck Redis no longer than it asked for', async () => {
  const { ledger, bus, outbox } = open()
  bus.hangs = true
  const long = outbox.publish(ledger.change(ALICE, 1n), 5_000).then(() => 'the long wait')
  const short = outbox.publish(ledger.change(ALICE, 1n), 50)
  expect(await Promise.race([long, short])).toBe(false)
  // `close` in the end must not wait for it either.
  bus.hangs = false
})

test('a flush leaves nothing unpublished and nothing unacknowledged', async () => {
  const { ledger, outbox, seqs } = open(new FakeLedger(), silent, 60_000)
  for (let i = 0; i < 50; i++) void outbox.publish(ledger.change(ALICE, 1n))
  await outbox.flush()
  expect(seqs()).toHaveLength(100)
  expect(ledger.outbox.size).toBe(0)
})

test('logs each published balance in the documented words', async () => {
  const lines: string[] = []
  const logger = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line).msg) })
  const { ledger, outbox } = open(new FakeLedger(), logger)
  await outbox.publish(ledger.change({ tenant: 'default', userId: 'abc123' }, 10_000n))
  await outbox.publish(ledger.change({ tenant: 'default', userId: 'abc123' }, 5_000n))
  expect(lines).toEqual([
    '[TransactionService] Published balance update for user abc123: 0 -> 100',
    '[TransactionService] Published balance update for user abc123: 100 -> 150',
  ])
})
