import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { BalanceStore } from '../../src/client/balance-store.ts'
import type { BalanceEvent } from '../../src/client/index.ts'

let store: BalanceStore
let events: BalanceEvent[]

beforeEach(() => {
  store = new BalanceStore()
  events = []
  store.on('*', (event) => events.push(event))
})

const initial = (seq: number, balance: number, more: object = {}) =>
  store.receive('balance_initial', { balance, currency: 'USD', id: `e1:${seq}`, seq, ...more })

const updated = (seq: number, newBalance: number, more: object = {}) =>
  store.receive('balance_updated', { newBalance, currency: 'USD', id: `e1:${seq}`, seq, ...more })

const balance = () => store.getSnapshot().balance
const seqs = () => events.map(({ seq }) => seq)

test('a repeat changes nothing and is not heard', () => {
  initial(2, 10)
  updated(3, 15)
  const before = store.getSnapshot()
  updated(3, 15)
  updated(2, 10)
  expect(store.getSnapshot()).toBe(before)
  expect(seqs()).toEqual([3])
})

test('a snapshot is the same object until something changes', () => {
  initial(2, 10)
  const first = store.getSnapshot()
  store.setStatus({ state: 'idle' })
  store.receive('balance_subscribed', { currency: 'USD' })
  store.refresh({ balance: 10, currency: 'USD', seq: 2 })
  expect(store.getSnapshot()).toBe(first)
  store.setStatus({ state: 'live' })
  expect(store.getSnapshot()).not.toBe(first)
})

test('while missed events are told, the balance stays at the newest', () => {
  initial(2, 10)
  initial(2, 40, { recovered: true, replay: 3 })
  const seen = [20, 30, 40].map((newBalance, i) => {
    updated(3 + i, newBalance)
    return balance()
  })
  expect(seen).toEqual([40, 40, 40])
  updated(6, 50)
  expect([balance(), seqs()]).toEqual([50, [3, 4, 5, 6]])
})

test('a stream that starts anew is taken as it is, even where it goes back', () => {
  initial(9, 90)
  initial(4, 40, { recovered: false })
  expect(store.getSnapshot()).toMatchObject({ balance: 40, seq: 4 })
  updated(5, 50)
  initial(20, 7, { recovered: false, conflated: true })
  updated(21, 8)
  expect([balance(), seqs(), store.lastEventId]).toEqual([8, [5, 21], 'e1:21'])
})

test('frames just before a merged one are heard once, and do not move the position', () => {
  initial(2, 10)
  updated(3, 9)
  const alert = { threshold: 5, currency: 'USD', seq: 5, id: 'e1:3' }
  store.receive('balance_alert', alert)
  expect([seqs(), store.lastEventId]).toEqual([[3, 5], 'e1:3'])
  // Here the connection breaks, and the server sends the events after the position once more.
  updated(8, 4, { fromSeq: 4, toSeq: 8, count: 2, sum: -5 })
  expect([balance(), seqs(), store.lastEventId]).toEqual([4, [3, 5, 8], 'e1:8'])
})

test('events of another currency are heard, and do not touch the balance', () => {
  initial(2, 10)
  updated(3, 99, { currency: 'EUR' })
  expect(store.getSnapshot()).toMatchObject({ balance: 10, currency: 'USD', seq: 3 })
  expect(seqs()).toEqual([3])
})

test('a balance that was read and is older than an event does not take its place', () => {
  initial(2, 10)
  updated(3, 15)
  store.refresh({ balance: 10, currency: 'USD', seq: 2 })
  expect(balance()).toBe(15)
  store.refresh({ balance: 30, currency: 'USD', seq: 5 })
  updated(4, 20)
  expect([balance(), seqs()]).toEqual([30, [3, 4]])
})

test('an event that this client does not know moves the stream on', () => {
  initial(2, 10)
  store.receive('balance_frozen', { id: 'e1:3', seq: 3, currency: 'USD', timestamp: 'now' })
  expect(store.lastEventId).toBe('e1:3')
  expect(events).toMatchObject([{ event: 'balance_frozen' }])
})

test('a listener that throws costs the others nothing', () => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  const heard = vi.fn()
  const fails = () => {
    throw new Error('mine')
  }
  store.on('balance_updated', fails)
  store.on('balance_updated', heard)
  store.subscribe(fails)
  store.subscribe(heard)
  initial(2, 10)
  updated(3, 15)
  expect(heard).toHaveBeenCalledWith(expect.objectContaining({ newBalance: 15 }))
  expect(heard).toHaveBeenCalledTimes(3)
  expect(error).toHaveBeenCalledTimes(3)
  error.mockRestore()
})

test('who stopped listening hears nothing, and the same function twice is heard twice', () => {
  const heard = vi.fn()
  const stops = [store.on('balance_updated', heard), store.on('balance_updated', heard)]
  initial(0, 0)
  updated(1, 1)
  expect(heard).toHaveBeenCalledTimes(2)
  for (const stop of stops) stop()
  updated(2, 2)
  expect(heard).toHaveBeenCalledTimes(2)
})

describe('however a stream is cut and resumed', () => {
  test('each event is heard once, in order, and the balance ends right', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 30 }), fc.nat(20), (repeats, start) => {
        const store = new BalanceStore()
        const seqs: number[] = []
        store.on('*', ({ seq }) => seqs.push(seq))
        const head = start + repeats.length
        const begin = (seq: number, more: object) =>
          store.receive('balance_initial', {
            balance: seq,
            currency: 'USD',
            id: `e:${seq}`,
            seq,
            ...more,
          })
        begin(start, {})
        repeats.forEach((back, i) => {
          const seq = start + i + 1
          // Sometimes a connection resumes a few events earlier, like that of a stale tab.
          if (back > 2) {
            const from = Math.max(start, seq - back)
            begin(from, { recovered: true, replay: head - from, balance: head })
            for (let again = from + 1; again < seq; again++) {
              store.receive('balance_updated', {
                newBalance: again,
                currency: 'USD',
                id: `e:${again}`,
                seq: again,
              })
            }
          }
          store.receive('balance_updated', {
            newBalance: seq,
            currency: 'USD',
            id: `e:${seq}`,
            seq,
          })
        })
        expect(seqs).toEqual(repeats.map((_, i) => start + i + 1))
        expect(store.getSnapshot().balance).toBe(head)
      }),
    )
  })
})
