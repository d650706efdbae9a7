import { test as base, expect, onTestFinished } from 'vitest'
import type { LedgerEvent } from '../../../src/ledger/event.ts'
import type { Frame } from '../../../src/realtime/stream/frame.ts'
import { Hub } from '../../../src/realtime/stream/hub.ts'
import type { CloseReason, QueueBounds, Sink } from '../../../src/realtime/stream/subscriber.ts'
import { eventually } from '../eventually.ts'
import { silent } from './balance-server.ts'
import { ALICE, FakeLedger } from './fake-ledger.ts'
import { FragileBus } from './fragile-bus.ts'

/** A connection that keeps its frames in a list. */
export class ListSink implements Sink {
  readonly frames: { event: string; seq: number; recovered?: boolean; conflated?: boolean }[] = []
  closed: CloseReason | undefined
  queued = 0

  write(frame: Frame): void {
    this.frames.push({ event: frame.event, ...(frame.payload as { seq: number }) })
  }

  queuedBytes(): number {
    return this.queued
  }

  close(reason: CloseReason): void {
    this.closed = reason
  }

  get seqs(): number[] {
    return this.frames.filter(({ event }) => event !== 'balance_initial').map(({ seq }) => seq)
  }

  get initials() {
    return this.frames.filter(({ event }) => event === 'balance_initial')
  }
}

/** A hub on a ledger in memory, and on a bus that delivers only what the test brings. Ends with the test. */
export function openHub(bounds: Partial<QueueBounds> = {}) {
  const ledger = new FakeLedger()
  const bus = new FragileBus()
  const hub = new Hub({ bus, store: ledger, logger: silent, bounds, pollEveryMs: 20 })
  onTestFinished(() => hub.close())
  /** Connects Alice. */
  const join = (lastEventId?: string) => {
    const sink = new ListSink()
    const subscriber = hub.subscribe(ALICE, sink, { currency: 'USD', lastEventId })
    return { sink, subscriber }
  }
  /** Connects Alice, and waits until her connection is live. */
  const joined = async (lastEventId?: string) => {
    const { sink, subscriber } = join(lastEventId)
    await eventually(() => expect(subscriber.state).toBe('live'))
    return { sink, subscriber }
  }
  /** Commits changes of Alice's balance, of one event each. */
  const commit = (count: number): LedgerEvent[] =>
    Array.from({ length: count }).flatMap(() => ledger.change(ALICE, 1n, 'balance_updated').events)
  const bring = (events: readonly LedgerEvent[]) => {
    for (const event of events) bus.bring(event)
  }
  return { ledger, bus, hub, join, joined, commit, bring }
}

/** Tests of a hub. Each test that asks for `opened` has its own, with the default bounds. */
export const test = base.extend('opened', () => openHub())
