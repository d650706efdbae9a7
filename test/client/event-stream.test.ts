import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventStreamParser, type ServerSentEvent } from '../../src/client/transports/sse.ts'

function parse(...pieces: string[]): ServerSentEvent[] {
  const events: ServerSentEvent[] = []
  const parser = new EventStreamParser((event) => events.push(event))
  for (const piece of pieces) parser.push(piece)
  return events
}

const STREAM =
  'retry: 2000\n\nevent: balance_initial\nid: e1:2\ndata: {"a":"b: c"}\n\n: beat\n\ndata: one\r\ndata:two\r\n\r\ndata\rdata: ü\r\rdata: cut off\n'

const EVENTS = [
  { event: 'balance_initial', data: '{"a":"b: c"}' },
  { event: 'message', data: 'one\ntwo' },
  { event: 'message', data: '\nü' },
]

test('reads events, comments and every kind of line end', () => {
  expect(parse(STREAM)).toEqual(EVENTS)
})

test('reads the same in whatever pieces it comes', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(STREAM.length)), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), STREAM.length]
      const pieces = places.slice(1).map((end, i) => STREAM.slice(places[i], end))
      expect(parse(...pieces)).toEqual(EVENTS)
    }),
  )
})
