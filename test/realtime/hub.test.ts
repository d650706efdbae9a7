import fc from 'fast-check'
import { describe, expect } from 'vitest'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { sleep } from '../../src/lib/timeout.ts'
import { FIRST_PAGE_SIZE } from '../../src/realtime/stream/history.ts'
import type { Subscriber } from '../../src/realtime/stream/subscriber.ts'
import { eventually } from '../support/index.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { type ListSink, openHub, test } from '../support/realtime/hub.ts'

const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i)

describe('invariant 7: each event once, in order', () => {
  test('a repeat is dropped', async ({ opened }) => {
    const { joined, commit, bring } = opened
    const { sink } = await joined()
    const events = commit(3)
    bring([...events, ...events])
    expect(sink.seqs).toEqual([1, 2, 3])
  })

  test('events that overtook each other are put in order, without asking Postgres', async ({
    opened,
  }) => {
    const { joined, commit, bring, ledger } = opened
    const { sink } = await joined()
    const [one, two, three] = commit(3) as [LedgerEvent, LedgerEvent, LedgerEvent]
    const reads = ledger.reads
    bring([three, one, two])
    expect(sink.seqs).toEqual([1, 2, 3])
    // More than twice the delay after which a gap would be read: no read follows.
    await sleep(50)
    expect(ledger.reads).toBe(reads)
  })

  test('a gap is filled from Postgres, however large', async ({ opened }) => {
    const { joined, commit, bring } = opened
    const { sink } = await joined()
    bring(commit(700).slice(-1))
    await eventually(() => expect(sink.seqs).toEqual(upTo(700)))
  })

  test('a gap is filled although Postgres is unavailable at first', async ({ opened }) => {
    const { joined, commit, bring, ledger } = opened
    const { sink } = await joined()
    ledger.down = true
    const reads = ledger.reads
    bring(commit(5).slice(-1))
    await eventually(() => expect(ledger.reads).toBeGreaterThan(reads))
    expect(sink.seqs).toEqual([])
    ledger.down = false
    await eventually(() => expect(sink.seqs).toEqual(upTo(5)))
  })

  test('an event that the ledger does not have is not delivered, and stops nothing', async ({
    opened,
  }) => {
    const { joined, commit, bring } = opened
    const { sink } = await joined()
    const [real] = commit(1) as [LedgerEvent]
    bring([{ ...real, seq: 40 }])
    await eventually(() => expect(sink.seqs).toEqual([1]))
    // The stream gives up the announced events after one more read, which cannot be observed.
    await sleep(50)
    bring(commit(2))
    expect(sink.seqs).toEqual([1, 2, 3])
  })

  test.each([600, 1000])(
    'history pruned up to %i while it is read: the state, with recovered false',
    async (pruned) => {
      const { join, commit, bring, ledger } = openHub({ maxQueuedBytes: 1000 })
      commit(1000)
      const { sink, subscriber } = join('e1:0')
      sink.queued = 5000
      await eventually(() => expect(sink.seqs).toHaveLength(FIRST_PAGE_SIZE))
      ledger.prune(ALICE, pruned)
      sink.queued = 0
      await eventually(() => expect(subscriber.state).toBe('live'))
      expect(sink.initials[1]).toMatchObject({ seq: 1000, recovered: false })
      bring(commit(1))
      expect(sink.seqs).toEqual([...upTo(FIRST_PAGE_SIZE), 1001])
    },
  )

  test.for([3, 5])(
    'a gap pruned up to %i before it was filled: the state, with recovered false',
    async (pruned, { opened }) => {
      const { joined, commit, bring, ledger } = opened
      const { sink } = await joined()
      const events = commit(5)
      ledger.prune(ALICE, pruned)
      bring(events.slice(-1))
      await eventually(() => expect(sink.initials).toHaveLength(2))
      expect(sink.initials[1]).toMatchObject({ seq: 5, recovered: false })
      bring(commit(1))
      await eventually(() => expect(sink.seqs).toEqual([6]))
    },
  )

  test('a connection that ends in the middle of an event costs the others nothing', async ({
    opened,
  }) => {
    const { joined, commit, bring, hub } = opened
    const clients = [await joined(), await joined(), await joined()] as const
    const [{ sink, subscriber }] = clients
    sink.write = () => hub.unsubscribe(ALICE, subscriber)
    bring(commit(3))
    expect(clients.map((client) => client.sink.seqs)).toEqual([[], [1, 2, 3], [1, 2, 3]])
    expect(subscriber.state).toBe('closed')
  })

  test('garbage on the channel is ignored', async ({ opened }) => {
    const { joined, commit, bring, bus } = opened
    const { sink } = await joined()
    for (const text of ['', 'hello', '{}', '[1]', '{"event":"balance_updated"}'])
      bus.bringText(text)
    bring(commit(1))
    expect(sink.seqs).toEqual([1])
  })

  test('nothing falls between history and live, whatever happens while a client joins', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('commit' as const), brought: fc.boolean() }),
      fc.record({ do: fc.constant('join' as const), behind: fc.nat(6) }),
      fc.record({ do: fc.constant('leave' as const) }),
      fc.record({ do: fc.constant('wait' as const) }),
      fc.record({ do: fc.constant('repeat' as const), back: fc.nat(5) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const { ledger, bus, join, commit, hub } = openHub()
        ledger.delay = 1
        const events: LedgerEvent[] = []
        const clients: { sink: ListSink; subscriber: Subscriber; from: number | undefined }[] = []
        for (const next of steps) {
          if (next.do === 'commit') {
            const [event] = commit(1) as [LedgerEvent]
            events.push(event)
            if (next.brought) bus.bring(event)
          } else if (next.do === 'join') {
            const from = next.behind > events.length ? undefined : events.length - next.behind
            clients.push({ ...join(from === undefined ? undefined : `e1:${from}`), from })
          } else if (next.do === 'leave') {
            const client = clients.shift()
            if (client) hub.unsubscribe(ALICE, client.subscriber)
          } else if (next.do === 'repeat') {
            const event = events.at(-1 - next.back)
            if (event) bus.bring(event)
          } else {
            // One of the random steps: lets timers and reads run in between.
            await sleep(2)
          }
        }
        // The connection to Redis is lost and returns: events that were never delivered must be found.
        bus.become('disconnected')
        bus.become('live')
        await eventually(() => {
          for (const { sink, subscriber, from } of clients) {
            const start = from ?? sink.initials[0]?.seq ?? Number.NaN
            expect(subscriber.state).toBe('live')
            expect(sink.initials).toHaveLength(1)
            expect(sink.seqs).toEqual(events.length > start ? upTo(events.length, start + 1) : [])
          }
        })
        hub.close()
      }),
      { numRuns: 60 },
    )
  })
})

describe('invariant 8: after the connection to Redis was lost', () => {
  test('every connected user is compared with Postgres before the hub is ready', async ({
    opened,
  }) => {
    const { joined, commit, bus, hub, ledger } = opened
    const { sink } = await joined()
    await eventually(() => expect(hub.health.state).toBe('live'))
    ledger.down = true
    bus.become('disconnected')
    commit(3)
    bus.become('live')
    expect(hub.health.state).toBe('reconciling')
    const reads = ledger.reads
    await eventually(() => expect(ledger.reads).toBeGreaterThan(reads + 1))
    expect(hub.health.state).toBe('reconciling')
    ledger.down = false
    await eventually(() => expect(hub.health.state).toBe('live'))
    expect(sink.seqs).toEqual([1, 2, 3])
  })

  test('while it is lost, events come by polling', async ({ opened }) => {
    const { joined, commit, bus } = opened
    const { sink } = await joined()
    bus.become('disconnected')
    commit(2)
    await eventually(() => expect(sink.seqs).toEqual([1, 2]))
    commit(1)
    await eventually(() => expect(sink.seqs).toEqual([1, 2, 3]))
  })

  test('a database that went back in time: everyone gets its state', async ({ opened }) => {
    const { joined, commit, bring, bus, ledger } = opened
    const { sink } = await joined()
    bring(commit(5))
    ledger.lose(ALICE, 3)
    bus.become('disconnected')
    await eventually(() => expect(sink.initials).toHaveLength(2))
    expect(sink.initials[1]).toMatchObject({ seq: 2, recovered: false })
    bus.become('live')
    bring(commit(1))
    await eventually(() => expect(sink.seqs).toEqual([1, 2, 3, 4, 5, 3]))
  })
})

describe('invariant 9: a slow reader', () => {
  test('beyond the bound gets nothing, and then the newest balance, marked conflated', async () => {
    const { joined, commit, bring } = openHub({ maxQueuedBytes: 1000 })
    const { sink, subscriber } = await joined()
    const other = await joined()
    sink.queued = 1001
    bring(commit(1))
    expect(subscriber.state).toBe('lagging')
    bring(commit(100))
    expect(sink.seqs).toEqual([1])
    expect(other.sink.seqs).toHaveLength(101)
    sink.queued = 0
    await eventually(() => expect(subscriber.state).toBe('live'))
    expect(sink.initials[1]).toMatchObject({ seq: 101, recovered: false, conflated: true })
    bring(commit(1))
    expect(sink.seqs).toEqual([1, 102])
  })

  test('that never reads is disconnected, so that it reconnects and resumes', async () => {
    const { joined, commit, bring } = openHub({ maxQueuedBytes: 1000, maxLagMs: 50 })
    const { sink } = await joined()
    sink.queued = 5000
    bring(commit(1))
    await eventually(() => expect(sink.closed?.code).toBe('slow_consumer'))
  })

  test('gets its history at the pace at which it reads', async () => {
    const { join, commit } = openHub({ maxQueuedBytes: 1000 })
    commit(1000)
    const { sink, subscriber } = join('e1:0')
    sink.queued = 5000
    await eventually(() => expect(sink.seqs).toHaveLength(FIRST_PAGE_SIZE))
    // More than twice the interval at which queues are checked: nothing more is sent.
    await sleep(250)
    expect(sink.seqs).toHaveLength(FIRST_PAGE_SIZE)
    sink.queued = 0
    await eventually(() => expect(subscriber.state).toBe('live'))
    expect(sink.seqs).toEqual(upTo(1000))
  })
})

test('a connection whose state cannot be read is tried again, then unsubscribed', async ({
  opened,
}) => {
  const { join, ledger, commit, hub } = opened
  ledger.down = true
  const reads = ledger.reads
  const { sink, subscriber } = join()
  commit(1)
  await eventually(() => expect(ledger.reads).toBeGreaterThan(reads))
  ledger.down = false
  await eventually(() => expect(subscriber.state).toBe('live'))
  expect(sink.initials).toHaveLength(1)
  hub.unsubscribe(ALICE, subscriber)
  expect(hub.users).toBe(0)
})
