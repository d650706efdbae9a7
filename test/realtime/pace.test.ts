import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { EventFrame, type Frame } from '../../src/realtime/stream/frame.ts'
import { Pace, type PaceOptions } from '../../src/realtime/stream/pace.ts'

interface Sent {
  event: string
  id: string
  seq: number
  currency?: string
  newBalance?: number
  previousBalance?: number
  fromSeq?: number
  toSeq?: number
  count?: number
  sum?: number
  completed?: number
  failed?: number
  atMs: number
}

type Step = { kind: string; currency: string; change: number; afterMs: number }

/** A connection with a pace, on a clock of the test. */
function paced(options: PaceOptions) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const sent: Sent[] = []
  const write = (frame: Frame) => {
    sent.push({ ...(frame.payload as Sent), event: frame.event, atMs: performance.now() })
  }
  const pace = new Pace(options, write)
  const balances = new Map<string, number>()
  let seq = 0
  const deliver = ({ kind, currency, change }: Omit<Step, 'afterMs'>) => {
    seq += 1
    const previousBalance = balances.get(currency) ?? 0
    const isBalance = kind === 'balance_updated'
    const newBalance = isBalance ? Math.round((previousBalance + change) * 100) / 100 : undefined
    if (newBalance !== undefined) balances.set(currency, newBalance)
    const id = `e1:${seq}`
    const payload = {
      ...(isBalance && { newBalance, previousBalance }),
      ...{ timestamp: `t${seq}`, id, seq, currency },
    }
    pace.deliver(
      new EventFrame({ event: kind, tenantId: 'default', userId: 'ann', seq, id }, payload),
    )
  }
  return { pace, sent, deliver, end: () => vi.useRealTimers() }
}

const change = (amount: number, currency = 'USD') => ({
  ...{ kind: 'balance_updated', currency, change: amount },
})
const completed = { kind: 'transaction_completed', currency: 'USD', change: 0 }

describe('at four frames a second', () => {
  test('a single change and its transaction are sent at once', () => {
    const { sent, deliver, end } = paced({ maxRate: 4 })
    deliver(change(5))
    deliver(completed)
    end()
    expect(sent.map(({ event, id }) => [event, id])).toEqual([
      ['balance_updated', 'e1:1'],
      ['transaction_completed', 'e1:2'],
    ])
  })

  test('changes that come sooner become one frame with their range, number and sum', () => {
    const { sent, deliver, end } = paced({ maxRate: 4 })
    deliver(change(100))
    for (const amount of [-10, -20.5, 3]) {
      deliver(change(amount))
      deliver(completed)
    }
    expect(sent).toHaveLength(1)
    vi.advanceTimersByTime(250)
    end()
    expect(sent).toHaveLength(2)
    expect(sent[1]).toMatchObject({
      ...{ event: 'balance_updated', previousBalance: 100, newBalance: 72.5, timestamp: 't7' },
      ...{ fromSeq: 2, toSeq: 7, count: 3, sum: -27.5, completed: 3, failed: 0 },
      ...{ id: 'e1:7', seq: 7, currency: 'USD' },
    })
  })

  test('a second change that comes alone is sent as it is, when its time has come', () => {
    const { sent, deliver, end } = paced({ maxRate: 4 })
    deliver(change(1))
    deliver(change(2))
    deliver(completed)
    vi.advanceTimersByTime(249)
    expect(sent).toHaveLength(1)
    vi.advanceTimersByTime(1)
    end()
    expect(sent.slice(1).map(({ id, count }) => [id, count])).toEqual([
      ['e1:2', undefined],
      ['e1:3', undefined],
    ])
  })

  test('transactions=each sends every transaction event, and no id from which one would be lost', () => {
    const { sent, deliver, end } = paced({ maxRate: 4, transactions: 'each' })
    deliver(change(100))
    for (const amount of [-10, -20]) {
      deliver(change(amount))
      deliver(completed)
    }
    vi.advanceTimersByTime(250)
    end()
    expect(sent.slice(1).map(({ event, seq, id, count }) => [event, seq, id, count])).toEqual([
      ['transaction_completed', 3, 'e1:1', undefined],
      ['balance_updated', 4, 'e1:1', 2],
      ['transaction_completed', 5, 'e1:5', undefined],
    ])
    expect(sent[2]).not.toHaveProperty('completed')
  })

  test('frames of several currencies at once are paid for afterwards', () => {
    const { sent, deliver, end } = paced({ maxRate: 10 })
    deliver(change(1))
    for (const currency of ['USD', 'EUR', 'USD', 'EUR']) deliver(change(1, currency))
    vi.advanceTimersByTime(100)
    expect(sent.map(({ currency, count }) => [currency, count])).toEqual([
      ['USD', undefined],
      ['USD', 2],
      ['EUR', 2],
    ])
    deliver(change(1))
    vi.advanceTimersByTime(199)
    expect(sent).toHaveLength(3)
    vi.advanceTimersByTime(1)
    end()
    expect(sent).toHaveLength(4)
  })

  test('what waits is sent before a connection is closed, and forgotten when a newer state follows', () => {
    const { pace, sent, deliver, end } = paced({ maxRate: 4 })
    deliver(change(1))
    deliver(change(2))
    pace.flush()
    expect(sent).toHaveLength(2)
    deliver(change(3))
    pace.drop()
    vi.advanceTimersByTime(10_000)
    end()
    expect(sent).toHaveLength(2)
  })

  test('events that cannot be merged are bounded: they are sent ahead of time', () => {
    const { sent, deliver, end } = paced({ maxRate: 0.1 })
    deliver(change(1))
    deliver(change(2))
    for (let i = 0; i < 1000; i++) deliver({ kind: 'balance_alert', currency: 'USD', change: 0 })
    end()
    expect(sent.length).toBeGreaterThan(700)
  })
})

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      ...['balance_updated', 'balance_updated', 'balance_updated'],
      ...['transaction_completed', 'transaction_failed', 'balance_alert'],
    ),
    currency: fc.constantFrom('USD', 'EUR', 'JPY'),
    change: fc.integer({ min: -50_000, max: 50_000 }).map((minor) => minor / 100),
    afterMs: fc.constantFrom(0, 0, 1, 7, 60, 400),
  }),
  { maxLength: 80 },
)

test('whatever comes, the sums are exact, the rate is kept, and no id loses an event', () => {
  fc.assert(
    fc.property(
      steps,
      fc.constantFrom(1, 4, 10, 100),
      fc.constantFrom('merged', 'each'),
      (all, maxRate, transactions) => {
        const events = all.map((step) =>
          step.currency === 'JPY' ? { ...step, change: Math.trunc(step.change) } : step,
        )
        const { pace, sent, deliver, end } = paced({
          maxRate,
          transactions: transactions as 'each',
        })
        const changes = new Map<string, bigint>()
        let beforeEnd = 0
        try {
          for (const step of events) {
            vi.advanceTimersByTime(step.afterMs)
            deliver(step)
            if (step.kind === 'balance_updated') {
              const minor = BigInt(Math.round(step.change * 100))
              changes.set(step.currency, (changes.get(step.currency) ?? 0n) + minor)
            }
          }
          beforeEnd = sent.length
          pace.flush()
        } finally {
          end()
        }
        const frames = sent.filter(({ event }) => event === 'balance_updated')
        // Every change is in exactly one frame, and each frame continues the one before.
        expect(frames.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(
          events.filter(({ kind }) => kind === 'balance_updated').length,
        )
        for (const [currency, total] of changes) {
          const own = frames.filter((frame) => frame.currency === currency)
          let balance = 0
          let sum = 0n
          for (const { previousBalance, newBalance, sum: merged } of own) {
            expect(previousBalance).toBe(balance)
            balance = newBalance ?? Number.NaN
            const difference = Math.round(balance * 100) - Math.round((previousBalance ?? 0) * 100)
            if (merged !== undefined) expect(Math.round(merged * 100)).toBe(difference)
            sum += BigInt(difference)
          }
          expect(sum).toBe(total)
        }
        // Transaction events are sent or counted.
        const count = (kind: string, field: 'completed' | 'failed') =>
          sent.filter(({ event }) => event === kind).length +
          frames.reduce((n, frame) => n + (frame[field] ?? 0), 0)
        const delivered = (kind: string) => events.filter((step) => step.kind === kind).length
        expect(count('transaction_completed', 'completed')).toBe(delivered('transaction_completed'))
        expect(count('transaction_failed', 'failed')).toBe(delivered('transaction_failed'))
        expect(sent.filter(({ event }) => event === 'balance_alert')).toHaveLength(
          delivered('balance_alert'),
        )
        // In order, and an id never names an event whose predecessors are still to come.
        expect(sent.map(({ seq }) => seq)).toEqual(
          [...sent.map(({ seq }) => seq)].sort((a, b) => a - b),
        )
        sent.forEach(({ id }, index) => {
          const position = Number(id.slice(3))
          for (const later of sent.slice(index + 1)) {
            const first = later.count === undefined ? later.seq : (later.fromSeq ?? 0)
            expect(first).toBeGreaterThan(position)
          }
        })
        // No second has more balance frames than allowed, plus those of the other two currencies at once.
        const times = sent
          .slice(0, beforeEnd)
          .filter(({ event }) => event === 'balance_updated')
          .map(({ atMs }) => atMs)
        for (const [index, at] of times.entries()) {
          const within = times.slice(index).filter((time) => time - at < 1000).length
          expect(within).toBeLessThanOrEqual(maxRate + 2)
        }
      },
    ),
    { numRuns: 300 },
  )
})
