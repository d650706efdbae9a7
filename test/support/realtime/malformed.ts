import fc from 'fast-check'
import { NASTY } from '../routes/malformed.ts'

/** A message of a client: text, or bytes outside its protocol. */
export type Message = string | Uint8Array<ArrayBuffer>

const NAMES = [
  ...['subscribe_balance', 'get_current_balance', 'authenticate', 'balance_updated', 'error'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'drain', 'upgrade', ''],
]
const SPACES = ['/balance,', '', '/,', '/other,', '/balance', '/../balance,', '/balance?a=1,']

const json = fc.oneof(
  fc.constantFrom(...NASTY, ...NAMES.map((name) => JSON.stringify(name))),
  fc.json({ maxDepth: 4 }),
)

/** Long or deeply nested: up to and beyond the limits of a message. */
const large = fc
  .record({ of: fc.constantFrom('[', '{"a":', '"', 'é', '\u{1f4a5}'), times: fc.nat(9000) })
  .map(({ of, times }) => of.repeat(times))

const text = fc.oneof(
  { weight: 4, arbitrary: json },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: large },
)

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => new Uint8Array(array))

/** For `/balance`. */
export const webSocketMessage: fc.Arbitrary<Message> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(json, json).map(([event, token]) => `{"event":${event},"token":${token}}`),
  },
  { weight: 4, arbitrary: text },
  { weight: 1, arbitrary: bytes },
)

/** An event of Socket.IO, as Engine.IO sends it, of which only the form is right. */
export const socketIoEvent: fc.Arbitrary<Message> = fc
  .tuple(fc.constantFrom('', '0', '7', '99999999999999999999'), json, json)
  .map(
    ([ack, event, argument]) =>
      `42/balance,${ack}["${NAMES[event.length % NAMES.length]}",${argument}]`,
  )

/** Any packet of Socket.IO, or bytes that are none. */
export const socketIoPacket: fc.Arbitrary<Message> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.nat(9), fc.constantFrom('', '1-', '99-', '-1-'), fc.constantFrom(...SPACES), text)
      .map(([type, attachments, space, rest]) => `4${type}${attachments}${space}${rest}`),
  },
  { weight: 2, arbitrary: fc.tuple(fc.nat(9), text).map(([type, rest]) => `${type}${rest}`) },
  { weight: 1, arbitrary: bytes },
)

const query = fc.oneof(
  fc.webQueryParameters(),
  fc.stringMatching(/^[%&=;+a-zA-Z0-9._~:@/-]{0,100}$/),
  fc
    .tuple(fc.constantFrom('lastEventId', 'currency', 'EIO', 'transport', 'sid', 'token'), json)
    .map(([name, value]) => `${name}=${encodeURIComponent(value.replace(/\p{Cs}/gu, ''))}`),
)

const PATHS = [
  '/balance',
  '/balance/stream',
  '/socket.io/',
  '/socket.io',
  '/',
  '//',
  '/%',
  '/nowhere',
]

const header = fc.constantFrom(
  ...['Upgrade: websocket', 'Upgrade: h2c', 'Upgrade: websocket, h2c', 'Connection: Upgrade'],
  ...['Connection: close', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 99'],
  ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Key: !', 'Origin: null'],
  ...['Origin: https://evil.example', 'Origin: ://', 'Last-Event-ID: e1:99999999999999999999'],
  ...['Last-Event-ID: \u00e9', 'Authorization: Bearer', 'Authorization: Basic YTpi', 'Accept: */*'],
  ...['Sec-WebSocket-Extensions: permessage-deflate; x=;;', 'Sec-WebSocket-Protocol: ,,'],
  ...['Content-Length: -1', 'Transfer-Encoding: chunked', 'Host: [', 'Expect: 100-continue'],
)

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

/** The head of a request to open a stream, mostly with a valid token. */
export function handshake(token: string): fc.Arbitrary<string> {
  return fc
    .record({
      method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'BREW'),
      path: fc.constantFrom(...PATHS),
      query,
      token: fc.constantFrom(`token=${token}`, `token=${token}`, `token=${token}x`, ''),
      version: fc.constantFrom('1.1', '1.1', '1.1', '1.0', '9.9'),
      upgrade: fc.constantFrom(UPGRADE, []),
      headers: fc.array(header, { maxLength: 3 }),
    })
    .map(({ method, path, query, token, version, upgrade, headers }) => {
      const target = `${path}?${token}&${query}`
      return [
        `${method} ${target} HTTP/${version}`,
        'Host: localhost',
        ...upgrade,
        ...headers,
        '',
        '',
      ].join('\r\n')
    })
}
