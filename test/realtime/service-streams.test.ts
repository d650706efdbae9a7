import { expect, onTestFinished, test } from 'vitest'
import type { LedgerEvent, UserRef } from '../../src/ledger/event.ts'
import { StreamMeter } from '../../src/realtime/metrics.ts'
import type { Frame } from '../../src/realtime/stream/frame.ts'
import { Hub } from '../../src/realtime/stream/hub.ts'
import { ServiceStreams } from '../../src/realtime/stream/service-streams.ts'
import type { CloseReason, Sink } from '../../src/realtime/stream/subscriber.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'
import { FragileBus } from '../support/realtime/fragile-bus.ts'

const MODEL: UserRef = { tenant: 'default', userId: 'model' }

/** Keeps what it is sent in short: the name of an event and `<user>:<seq>`. */
class ShortSink implements Sink {
  readonly told: string[] = []
  queued = 0
  closed: CloseReason | undefined

  write({ event, payload }: Frame): void {
    type Hold = { userId: string; seq: number }
    const { holds, userId, seq } = payload as Partial<Hold> & { holds?: Hold[] }
    const list = holds?.map((hold) => `${hold.userId}:${hold.seq}`).join()
    this.told.push(`${event} ${list ?? `${userId}:${seq}`}`)
  }

  queuedBytes(): number {
    return this.queued
  }

  close(reason: CloseReason): void {
    this.closed = reason
  }
}

function openStreams() {
  const ledger = new FakeLedger()
  const bus = new FragileBus()
  const common = { bus, store: ledger, logger: silent, meter: new StreamMeter(), pollEveryMs: 20 }
  const services = new ServiceStreams({ ...common, bounds: { maxQueuedBytes: 100 } })
  const hub = new Hub({ ...common, services })
  onTestFinished(() => {
    hub.close()
    services.close()
  })
  const join = (service = MODEL) => {
    const sink = new ShortSink()
    const subscriber = services.subscribe(service, sink, { currency: 'USD' })
    return { ...sink, sink, subscriber, told: sink.told }
  }
  const joined = async () => {
    const member = join()
    await eventually(() => expect(member.told).toHaveLength(1))
    return member
  }
  return { ledger, bus, services, join, joined }
}

const exhausted = (userId: string, seq: number, more: Partial<LedgerEvent> = {}): LedgerEvent => ({
  ...{ tenant: 'default', userId, seq, event: 'hold_exhausted', currency: 'USD' },
  ...{
    timestamp: '2025-11-04T10:30:00.000000Z',
    newBalance: 100n,
    transactionId: `hold-${userId}`,
  },
  ...{ held: 50n, available: 50n, heldAmount: 50n, capturedAmount: 50n, remaining: 0n },
  ...{ overage: 'refuse', expiresAt: '2025-11-04T10:45:00.000000Z', service: 'model', ...more },
})

test('a service first gets its open holds from the ledger, and then each event once', async () => {
  const { ledger, bus, join } = openStreams()
  ledger.told = [
    exhausted('ann', 4),
    exhausted('bob', 2),
    exhausted('eve', 1, { service: 'other' }),
  ]
  ledger.delay = 20
  const { told } = join()
  // While the state is being read: one that it has, and a new one.
  bus.bring(exhausted('bob', 2))
  bus.bring(exhausted('cid', 9))
  await eventually(() => expect(told).toHaveLength(2))
  bus.bring(exhausted('cid', 9))
  bus.bring(exhausted('ann', 7, { event: 'hold_expiring' }))
  expect(told).toEqual([
    'service_initial ann:4,bob:2',
    'hold_exhausted cid:9',
    'hold_expiring ann:7',
  ])
})

test('it gets nothing of other services, of other tenants, or of a user’s own holds', async () => {
  const { bus, joined } = openStreams()
  const { told } = await joined()
  bus.bring(exhausted('ann', 1, { service: 'other' }))
  bus.bring(exhausted('ann', 2, { tenant: 'other' }))
  const { service: _, ...own } = exhausted('ann', 3)
  bus.bring(own)
  bus.bring(
    exhausted('ann', 4, { event: 'available_changed', transactionType: 'hold', amount: -1n }),
  )
  bus.bring(exhausted('ann', 5))
  expect(told).toEqual(['service_initial ', 'hold_exhausted ann:5'])
})

test('it gets what was missed while the bus was away, when it returns and also before', async () => {
  const { ledger, bus, joined } = openStreams()
  const { told } = await joined()
  ledger.told = [exhausted('ann', 1)]
  bus.become('live')
  await eventually(() => expect(told).toEqual(['service_initial ', 'hold_exhausted ann:1']))
  bus.become('disconnected')
  ledger.told.push(exhausted('bob', 1))
  await eventually(() => expect(told).toHaveLength(3))
  bus.bring(exhausted('bob', 1))
  expect(told).toHaveLength(3)
})

test('a failure of the ledger delays the state, and loses nothing', async () => {
  const { ledger, bus, join } = openStreams()
  ledger.down = true
  const { told } = join()
  bus.bring(exhausted('ann', 1))
  await eventually(() => expect(ledger.reads).toBeGreaterThan(0))
  expect(told).toEqual([])
  ledger.down = false
  await eventually(() => expect(told).toEqual(['service_initial ', 'hold_exhausted ann:1']))
})

test('of many holds, those beyond the first state follow as events', async () => {
  const { ledger, join } = openStreams()
  ledger.told = Array.from({ length: 1_201 }, (_, i) => exhausted(`u${i}`, 1))
  const { told } = join()
  await eventually(() => expect(told).toHaveLength(702))
  expect(told[0]?.split(',')).toHaveLength(500)
})

test('one that does not read gets no more, and the state once it has read', async () => {
  const { ledger, bus, joined } = openStreams()
  const { sink, told } = await joined()
  sink.queued = 101
  bus.bring(exhausted('ann', 1))
  bus.bring(exhausted('bob', 1))
  expect(told).toHaveLength(2)
  ledger.told = [exhausted('bob', 1)]
  sink.queued = 0
  await eventually(() => expect(told.at(-1)).toBe('hold_exhausted bob:1'))
})

test('one that was closed gets nothing', async () => {
  const { bus, services, joined } = openStreams()
  const { told, subscriber } = await joined()
  services.unsubscribe(MODEL, subscriber)
  services.unsubscribe(MODEL, subscriber)
  bus.bring(exhausted('ann', 1))
  expect(told).toHaveLength(1)
})
