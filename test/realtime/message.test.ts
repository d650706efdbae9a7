import { expect, test } from 'vitest'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { encodeEvent } from '../../src/realtime/bus/message.ts'
import { type EventFrame, fromLedger, parseMessage } from '../../src/realtime/stream/frame.ts'

const COMMON = {
  tenant: 'acme:eu',
  userId: 'alice@example.com',
  seq: 7,
  currency: 'USD',
  timestamp: '2025-11-04T10:30:00.123456Z',
  newBalance: 9_007_199_254_740_991n,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
} as const

const ABOUT = {
  transactionId: '019a4e5c-0000-7000-8000-000000000001',
  transactionType: 'admin_adjustment',
  amount: -9_007_199_254_740_991n,
} as const

const EVENTS: LedgerEvent[] = [
  { ...COMMON, ...ABOUT, event: 'balance_updated', status: 'success', previousBalance: 1n },
  { ...COMMON, ...ABOUT, event: 'transaction_completed', status: 'success' },
  { ...COMMON, ...ABOUT, event: 'transaction_failed', status: 'expired' },
  { ...COMMON, event: 'balance_insufficient', requiredAmount: 500n, available: 1n },
  { ...COMMON, ...ABOUT, event: 'balance_alert', threshold: 5n, direction: 'below' },
  { ...COMMON, event: 'wallet_frozen', frozen: 'debits' },
  { ...COMMON, event: 'wallet_unfrozen' },
  { ...COMMON, ...ABOUT, event: 'auto_topup_paused', status: 'failed', reason: 'card_declined' },
]

function parsed(text: string): EventFrame {
  const event = parseMessage(text, 'e1')
  if (typeof event === 'string') throw new Error(event)
  return event
}

function seen(frame: EventFrame) {
  const { tenant, userId, seq, event, traceparent } = frame
  const rest = { tenant, userId, seq, event, traceparent }
  return { ...rest, sse: frame.sse, webSocket: String(frame.webSocket), payload: frame.payload }
}

test.each(EVENTS)('$event is the same from the bus as from the ledger, byte for byte', (event) => {
  expect(seen(parsed(encodeEvent(event, 'e1')))).toEqual(seen(fromLedger(event, 'e1')))
})

test.each(EVENTS)('$event of a user whose name JSON has to escape is still right', (event) => {
  const strange = { ...event, userId: 'a"b\\c\n' }
  expect(seen(parsed(encodeEvent(strange, 'e1')))).toEqual(seen(fromLedger(strange, 'e1')))
})

test.each(EVENTS)('the part for clients is cut out of the message of $event', (event) => {
  const text = encodeEvent(event, 'e1')
  const timestamp = `"timestamp":"${event.timestamp}",`
  // The same JSON in another order. Only text that is cut keeps an order that the encoder does not produce.
  const second = `"${Object.keys(parsed(text).payload)[1]}":`
  const other = text.replace(timestamp, '').replace(second, timestamp + second)
  const frame = parsed(other)
  expect(other).toContain(frame.sse.split('data: {')[1]?.trim())
})

test('fields in another order are sorted, and no internal field reaches a client', () => {
  const event = { ...(EVENTS[0] as LedgerEvent), newBalance: 5n, amount: 4n }
  const message = Object.entries(JSON.parse(encodeEvent(event, 'e1')))
  const reversed = JSON.stringify(Object.fromEntries(message.reverse()))
  expect(seen(parsed(reversed))).toEqual(seen(fromLedger(event, 'e1')))
})

const TAIL = '"id":"e1:1","seq":1,"currency":"USD"}'
const HEAD = '{"event":"balance_updated","userId":"a","tenantId":"b"'

test.each([
  ['a line end', `${HEAD},"newBalance":1,"status":"x\n\nevent: y",${TAIL}`],
  ['a broken number', `${HEAD},"newBalance":1.2.3,${TAIL}`],
  ['a number with a leading zero', `${HEAD},"newBalance":01,${TAIL}`],
  ['an open string', `${HEAD},"newBalance":"1,${TAIL}`],
  ['a field without a value', `${HEAD},"newBalance":,${TAIL}`],
  ['more behind it', `${HEAD},"newBalance":1,${TAIL}x`],
])('%s in a message reaches nobody', (_, text) => {
  expect(parseMessage(text, 'e1')).toBe('not JSON')
})

test('text that has to be escaped stays escaped', () => {
  const text = `${HEAD},"newBalance":1,"transactionId":"x\\n\\nevent: y",${TAIL}`
  expect(parsed(text).sse.split('\n')).toHaveLength(5)
})

test.each([
  ['garbage', 'hello'],
  ['null', 'null'],
  ['the name of a built-in', '{"event":"constructor","userId":"a","tenantId":"b"}'],
  ['an event without a seq', '{"event":"balance_updated","userId":"a","tenantId":"b"}'],
  [
    'another database’s event',
    '{"event":"balance_updated","userId":"a","tenantId":"b","seq":1,"id":"e0:1"}',
  ],
])('%s on the channel is none of ours', (_, text) => {
  expect(parseMessage(text, 'e1')).toEqual(expect.any(String))
})
