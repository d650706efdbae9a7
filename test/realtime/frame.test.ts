import { expect, test } from 'vitest'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { chunk, Frame, fromLedger } from '../../src/realtime/stream/frame.ts'

const EVENT: LedgerEvent = {
  tenant: 'acme',
  userId: 'alice',
  seq: 7,
  event: 'balance_updated',
  currency: 'USD',
  timestamp: '2025-11-04T10:30:00.000Z',
  newBalance: 9_007_199_254_740_991n,
  previousBalance: 0n,
  transactionId: 'txn_xyz',
  transactionType: 'topup',
  amount: 9_007_199_254_740_991n,
  status: 'success',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
}

const JSON_TEXT =
  '{"newBalance":90071992547409.91,"previousBalance":0,"transactionId":"txn_xyz",' +
  '"transactionType":"topup","amount":90071992547409.91,"timestamp":"2025-11-04T10:30:00.000Z",' +
  '"id":"e1:7","seq":7,"currency":"USD"}'

test('a client gets the documented fields, to the last digit, and nothing that names a user', () => {
  const frame = fromLedger(EVENT, 'e1')
  expect(String(frame.sse)).toBe(`event: balance_updated\nid: e1:7\ndata: ${JSON_TEXT}\n\n`)
  expect(String(frame.sseChunk)).toBe(`${frame.sse.length.toString(16)}\r\n${frame.sse}\r\n`)
  expect(String(frame.webSocket.subarray(4))).toBe(
    `{"event":"balance_updated",${JSON_TEXT.slice(1)}`,
  )
  expect(frame.socketIo.packet).toBe(`2/balance,["balance_updated",${JSON_TEXT}]`)
})

test.each([10, 200, 70_000])('a payload of %d bytes is a whole WebSocket frame', (length) => {
  const { packet, options, bytes } = new Frame('x', { text: 'a'.repeat(length) }).socketIo
  const [frame] = options.wsPreEncodedFrame
  const header = frame?.subarray(0, bytes - packet.length - 1)
  expect(frame?.subarray(header?.length).toString()).toBe(`4${packet}`)
  expect(header?.[0]).toBe(0x81)
  const size = header?.[1] ?? 0
  const declared =
    size < 126 ? size : size === 126 ? header?.readUInt16BE(2) : header?.readUIntBE(4, 6)
  expect(declared).toBe(packet.length + 1)
})

test.each(['plain', 'für 5 €'])('a chunk of "%s" is as many bytes as it says', (text) => {
  const bytes = Buffer.from(chunk(text) as string, 'latin1')
  const [size = '', rest = ''] = bytes.toString().split('\r\n', 2)
  expect(rest).toBe(text)
  expect(Number.parseInt(size, 16)).toBe(Buffer.byteLength(text))
})
