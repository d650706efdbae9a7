import { expect, onTestFinished, test } from 'vitest'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { encodeNotice } from '../../src/realtime/bus/message.ts'
import { StreamMeter } from '../../src/realtime/metrics.ts'
import {
  AdminStreams,
  adminFilterOf,
  isOfSystemOnly,
} from '../../src/realtime/stream/admin-streams.ts'
import type { Frame } from '../../src/realtime/stream/frame.ts'
import { Hub } from '../../src/realtime/stream/hub.ts'
import type { CloseReason, Sink } from '../../src/realtime/stream/subscriber.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/realtime/balance-server.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'
import { FragileBus } from '../support/realtime/fragile-bus.ts'

const ADMIN = { tenant: 'default', userId: 'root' }

class KeepingSink implements Sink {
  readonly frames: { event: string; payload: Record<string, unknown> }[] = []
  queued = 0
  closed: CloseReason | undefined

  write({ event, payload }: Frame): void {
    this.frames.push({ event, payload: payload as Record<string, unknown> })
  }

  queuedBytes(): number {
    return this.queued
  }

  close(reason: CloseReason): void {
    this.closed = reason
  }

  get told(): string[] {
    return this.frames.map(({ event, payload: { userId, seq, live } }) =>
      [event, userId, seq, live].filter((part) => part !== undefined).join(' '),
    )
  }
}

function openStreams() {
  const ledger = new FakeLedger()
  const bus = new FragileBus()
  const common = { bus, store: ledger, logger: silent, meter: new StreamMeter() }
  const bounds = { maxQueuedBytes: 100, maxLagMs: 300 }
  const admins = new AdminStreams({ bus, epochOf: () => ledger.epoch, meter: common.meter, bounds })
  const hub = new Hub({ ...common, admins })
  onTestFinished(() => {
    hub.close()
    admins.close()
  })
  const join = (
    asked: Parameters<typeof adminFilterOf>[0] = {},
    admin: typeof ADMIN & { isOperator?: true } = ADMIN,
  ) => {
    const sink = new KeepingSink()
    const feed = admins.feed(adminFilterOf(asked))
    const subscriber = feed.subscribe(admin, sink, { currency: 'USD' })
    return { sink, leave: () => feed.unsubscribe(admin, subscriber) }
  }
  return { bus, admins, join }
}

const completed = (userId: string, seq: number, more: Partial<LedgerEvent> = {}): LedgerEvent => ({
  ...{ tenant: 'default', userId, seq, event: 'transaction_completed', currency: 'USD' },
  ...{ timestamp: '2025-11-04T10:30:00.000000Z', newBalance: 7000n, status: 'success' },
  ...{ transactionId: `t${seq}`, transactionType: 'topup', amount: 5000n, ...more },
})

const waiting = (userId: string, tenant = 'default', transactionType = 'topup') => ({
  ...({ event: 'request_waiting', tenant, userId, transactionType } as const),
  ...{ transactionId: 'r1', amount: 5000n, currency: 'USD' },
  timestamp: '2025-11-04T10:30:00.000000Z',
})

test('an admin gets the events of every user of the tenant as they have them, and of no other tenant', () => {
  const { bus, join } = openStreams()
  const { sink } = join()
  const foreign = join({}, { tenant: 'other', userId: 'root' }).sink
  bus.bring(completed('ann', 4))
  bus.bring(completed('"bob\\', 9, { event: 'wallet_frozen', frozen: 'both' }))
  bus.bring(completed('eve', 1, { tenant: 'other' }))
  expect(sink.told).toEqual([
    'admin_state true',
    'transaction_completed ann 4',
    'wallet_frozen "bob\\ 9',
  ])
  expect(sink.frames[1]?.payload).toEqual({
    ...{ userId: 'ann', transactionId: 't4', transactionType: 'topup', amount: 50, newBalance: 70 },
    ...{ timestamp: '2025-11-04T10:30:00.000000Z', status: 'success' },
    ...{ id: 'e1:4', seq: 4, currency: 'USD' },
  })
  expect(foreign.told).toEqual(['admin_state true', 'transaction_completed eve 1'])
})

test('a request that waits is told to the admins of its tenant, in major units', async () => {
  const { bus, join } = openStreams()
  const { sink } = join()
  const foreign = join({}, { tenant: 'other', userId: 'root' }).sink
  bus.announceText(encodeNotice(waiting('ann'), 'e1'))
  bus.announceText(encodeNotice(waiting('eve', 'other'), 'e1'))
  // Of another database on the same Redis, and of anyone who can publish there.
  bus.announceText(encodeNotice(waiting('zoe'), 'e2'))
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"event":"admin_state","tenantId":"default","epoch":"e1"}',
  ])
    bus.announceText(text)
  expect(sink.frames.slice(1)).toEqual([
    {
      event: 'request_waiting',
      payload: {
        ...{ userId: 'ann', transactionId: 'r1', transactionType: 'topup', amount: 50 },
        ...{ currency: 'USD', timestamp: '2025-11-04T10:30:00.000000Z' },
      },
    },
  ])
  expect(foreign.told).toEqual(['admin_state true', 'request_waiting eve'])
})

test('filters leave out what an admin does not want, but never the state', () => {
  const { bus, join } = openStreams()
  const { sink: byName } = join({ events: 'transaction_completed,request_waiting' })
  const { sink: byUser } = join({ userId: 'ann' })
  const { sink: byType } = join({ type: 'topup,withdrawal' })
  bus.bring(completed('ann', 1))
  bus.bring(completed('bob', 1, { event: 'balance_updated', previousBalance: 0n }))
  bus.bring(completed('bob', 2, { transactionType: 'booking_payment', amount: -100n }))
  bus.bring(completed('bob', 3, { event: 'wallet_frozen', frozen: 'both' }))
  // A text that looks like a type is none.
  const reason = '"transactionType":"topup"'
  bus.bring(completed('ann', 2, { event: 'auto_topup_paused', reason }))
  bus.announceText(encodeNotice(waiting('bob', 'default', 'refund'), 'e1'))
  const state = 'admin_state true'
  expect(byName.told).toEqual([
    ...[state, 'transaction_completed ann 1', 'transaction_completed bob 2'],
    'request_waiting bob',
  ])
  expect(byUser.told).toEqual([state, 'transaction_completed ann 1', 'auto_topup_paused ann 2'])
  expect(byType.told).toEqual([
    ...[state, 'transaction_completed ann 1', 'balance_updated bob 1'],
    ...['wallet_frozen bob 3', 'auto_topup_paused ann 2'],
  ])
  for (const wrong of [{ events: 'nothing' }, { type: 'topup,x' }, { userId: 'a b' }]) {
    expect(() => adminFilterOf(wrong)).toThrow(/may list|no user id/)
  }
})

test('the state of the system is told only to those who ask for it, each by what they may know', () => {
  const { admins, join } = openStreams()
  const { sink: every } = join()
  const { sink: byAdmin, leave } = join({ events: 'system_state' })
  const opal = { tenant: 'default', userId: 'opal', isOperator: true } as const
  const { sink: byOperator } = join({ events: 'system_state,request_waiting' }, opal)
  const tellAll = () => {
    for (const { admin, tell } of admins.asking('system_state')) {
      tell({ scope: admin.isOperator ? 'installation' : admin.tenant })
    }
  }
  tellAll()
  leave()
  tellAll()
  const scopes = ({ frames }: KeepingSink) => frames.slice(1).map(({ payload }) => payload.scope)
  expect([every, byAdmin, byOperator].map(scopes)).toEqual([
    [],
    ['default'],
    ['installation', 'installation'],
  ])
  expect(isOfSystemOnly(adminFilterOf({ events: 'system_state' }))).toBe(true)
  for (const events of ['', 'wallet_frozen', 'system_state,wallet_frozen']) {
    expect(isOfSystemOnly(adminFilterOf({ events }))).toBe(false)
  }
})

test('an admin is told when events stop arriving, and again when they do, to read once more', () => {
  const { bus, join } = openStreams()
  const { sink, leave } = join()
  bus.become('disconnected')
  bus.become('live')
  expect(sink.told).toEqual(['admin_state true', 'admin_state false', 'admin_state true'])
  leave()
  leave()
  bus.become('disconnected')
  bus.bring(completed('ann', 1))
  expect(sink.told).toHaveLength(3)
})

test('an admin who does not read gets no more, then the state again, and is cut if it takes too long', async () => {
  const { bus, join } = openStreams()
  const { sink } = join()
  sink.queued = 101
  bus.bring(completed('ann', 1))
  for (let seq = 2; seq < 100; seq++) bus.bring(completed('ann', seq))
  expect(sink.told).toEqual(['admin_state true', 'transaction_completed ann 1'])
  sink.queued = 0
  await eventually(() => expect(sink.told).toHaveLength(3))
  expect(sink.told[2]).toBe('admin_state true')
  bus.bring(completed('ann', 100))
  expect(sink.told[3]).toBe('transaction_completed ann 100')

  sink.queued = 101
  bus.bring(completed('ann', 101))
  await eventually(() => expect(sink.closed).toMatchObject({ code: 'slow_consumer' }))
})
