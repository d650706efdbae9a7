import type { Duplex } from 'node:stream'
import {
  type EpochOf,
  type EventMessage,
  eventId,
  type LedgerEvent,
  SENT_FIELDS,
  toMessage,
  type UserRef,
} from '../../ledger/event.ts'
import type { ErrorCode } from '../../lib/api-error.ts'
import { parseJson, stringifyJson } from '../../lib/json.ts'

/** The namespace of Socket.IO clients. */
export const NAMESPACE = '/balance'

/** Bytes for a socket. Write a string as `latin1`: each character is one byte. */
export type Bytes = Buffer | string

/** A Socket.IO packet for Engine.IO. */
export interface SocketIoFrame {
  packet: string
  bytes: number
  /** The same packet as a whole WebSocket frame, for connections over WebSocket. */
  options: { compress: false; wsPreEncodedFrame: readonly Buffer[] }
}

/**
 * One event on its way to clients. Each wire format is encoded at most once, for all connections, and only if
 * a connection needs it.
 */
export class Frame {
  readonly event: string
  readonly #id: string | undefined
  readonly #json: string
  #sse: string | undefined
  #sseBytes: Uint8Array | undefined
  #sseChunk: Bytes | undefined
  #webSocket: Buffer | undefined
  #socketIo: SocketIoFrame | undefined

  /**
   * @param payload an object, or its JSON
   * @param id the position of the stream after this event; undefined if the event does not move the stream
   */
  constructor(event: string, payload: object | string, id?: string) {
    this.event = event
    this.#json = typeof payload === 'string' ? payload : stringifyJson(payload)
    this.#id = id
  }

  get payload(): object {
    return parseJson(this.#json) as object
  }

  /** A block of a `text/event-stream`. */
  get sse(): string {
    const id = this.#id === undefined ? '' : `id: ${this.#id}\n`
    this.#sse ??= `event: ${this.event}\n${id}data: ${this.#json}\n\n`
    return this.#sse
  }

  /** The same as bytes, for a web stream. */
  get sseBytes(): Uint8Array {
    this.#sseBytes ??= Buffer.from(this.sse)
    return this.#sseBytes
  }

  /** The same as a chunk of a response with `Transfer-Encoding: chunked`. */
  get sseChunk(): Bytes {
    this.#sseChunk ??= chunk(this.sse)
    return this.#sseChunk
  }

  /** The payload with `event` in front: a message of the raw WebSocket. */
  get text(): string {
    const rest = this.#json === '{}' ? '}' : `,${this.#json.slice(1)}`
    return `{"event":"${this.event}"${rest}`
  }

  /** The same as a whole WebSocket frame. */
  get webSocket(): Buffer {
    this.#webSocket ??= webSocketFrame(this.text)
    return this.#webSocket
  }

  get socketIo(): SocketIoFrame {
    if (!this.#socketIo) {
      const packet = `2${NAMESPACE},["${this.event}",${this.#json}]`
      // 4 is Engine.IO's packet type "message".
      const frame = webSocketFrame(`4${packet}`)
      const options = { compress: false, wsPreEncodedFrame: [frame] } as const
      this.#socketIo = { packet, bytes: frame.length, options }
    }
    return this.#socketIo
  }
}

/** The fields of a message beside its payload. */
interface Envelope extends Pick<EventMessage, 'tenantId' | 'userId' | 'seq' | 'id'> {
  event: string
  traceparent?: string | undefined
  service?: string | undefined
}

/** An event of a user's stream, ready to be sent. */
export class EventFrame extends Frame implements UserRef {
  readonly tenant: string
  readonly userId: string
  readonly seq: number
  /** W3C trace context of the request that caused it. */
  readonly traceparent: string | undefined
  /** The service that opened the hold, of an event that is on the service's stream too. */
  readonly service: string | undefined

  constructor(message: Envelope, payload: object | string) {
    super(message.event, payload, message.id)
    this.tenant = message.tenantId
    this.userId = message.userId
    this.seq = message.seq
    this.traceparent = message.traceparent
    this.service = message.service
  }
}

/** Clients get only these fields of an unknown event, which a newer process wrote. */
const UNKNOWN = ['timestamp', 'id', 'seq', 'currency'] as const

export function fromMessage(message: EventMessage): EventFrame {
  const payload: Partial<Record<keyof EventMessage, unknown>> = {}
  for (const field of SENT_FIELDS.get(message.event) ?? UNKNOWN) {
    if (message[field] !== undefined) payload[field] = message[field]
  }
  const { service, ...envelope } = message
  const isOfService = typeof service === 'string' && OF_SERVICES.includes(message.event)
  return new EventFrame(isOfService ? message : envelope, payload)
}

export function fromLedger(event: LedgerEvent, epoch: string): EventFrame {
  return fromMessage(toMessage(event, epoch))
}

const NUMBER = '-?(?:0|[1-9]\\d*)(?:\\.\\d+)?'
/** A text in which JSON escapes nothing. It has no quote, so it cannot be taken for a field and its value. */
const PLAIN = '[^"\\\\\\u0000-\\u001f]*'

/** A whole message as `encodeEvent` writes it. */
const OURS = new RegExp(
  `^\\{"event":"([a-z_]{1,64})","userId":"(${PLAIN})","tenantId":"(${PLAIN})"` +
    `(?:,"[A-Za-z]+":(?:${NUMBER}|"${PLAIN}"))*` +
    `,"id":"(${PLAIN})","seq":([1-9]\\d{0,14}),"currency":"[A-Z]{3}"\\}$`,
)

/** The beginning of a message as `encodeEvent` writes it. */
const ADDRESS = new RegExp(
  `^\\{"event":"[a-z_]{1,64}","userId":"(${PLAIN})","tenantId":"(${PLAIN})",`,
)

/** The user that a message is about, without a look at the rest. Undefined if it has another form. */
export function addressee(text: string): UserRef | undefined {
  const found = ADDRESS.exec(text)
  return found ? { userId: found[1] as string, tenant: found[2] as string } : undefined
}

/** Events that may be on a service's stream too. They are parsed as a whole, because the service is told apart. */
const OF_SERVICES: readonly string[] = ['hold_exhausted', 'hold_expiring']

/** The first field for clients, by event. The payload begins there. */
const CUTS: ReadonlyMap<string, string> = new Map(
  [...SENT_FIELDS]
    .filter(([event]) => !OF_SERVICES.includes(event))
    .map(([event, [first]]) => [event, `,"${first}":`]),
)

/**
 * The event in a text from the channel, or a string with the reason why the text is no event of this ledger.
 * @param epoch of every tenant, or of each
 */
export function parseMessage(text: string, epoch: string | EpochOf): EventFrame | string {
  return cut(text, epoch) ?? read(text, epoch)
}

/**
 * A message of a process of this version is checked and cut instead of parsed and encoded again, which is a
 * tenth of the work. Undefined if the result would not be certain.
 */
function cut(text: string, epoch: string | EpochOf): EventFrame | undefined {
  const parts = OURS.exec(text)
  if (!parts) return undefined
  const [, event = '', userId = '', tenantId = '', id, seq] = parts
  const mark = CUTS.get(event)
  const from = mark === undefined ? -1 : text.indexOf(mark)
  if (from < 0 || id !== `${epochIn(epoch, tenantId)}:${seq}` || userId === '' || tenantId === '')
    return undefined
  const traceparent = traceparentBefore(text, from)
  const message = { event, tenantId, userId, id, seq: Number(seq), traceparent }
  return new EventFrame(message, `{${text.slice(from + 1)}`)
}

const epochIn = (epoch: string | EpochOf, tenant: string) =>
  typeof epoch === 'string' ? epoch : epoch(tenant)

const TRACEPARENT = '"traceparent":"'
const TRACEPARENT_LENGTH = 55

/** It is the last field before the payload, so no search is needed. */
function traceparentBefore(text: string, from: number): string | undefined {
  const begin = from - TRACEPARENT_LENGTH - 1
  if (!text.startsWith(TRACEPARENT, begin - TRACEPARENT.length)) return undefined
  return text.slice(begin, from - 1)
}

function read(text: string, epoch: string | EpochOf): EventFrame | string {
  let message: unknown
  try {
    message = parseJson(text)
  } catch {
    return 'not JSON'
  }
  if (message === null || typeof message !== 'object') return 'not an object'
  const { event, userId, tenantId, seq, id } = message as Partial<EventMessage>
  if (typeof event !== 'string' || !/^[a-z_]{1,64}$/.test(event)) return 'no event name'
  if (typeof userId !== 'string' || typeof tenantId !== 'string') return 'no user'
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return 'no seq'
  const known = epochIn(epoch, tenantId)
  if (known === undefined || id !== eventId(known, seq)) return 'of another database'
  return fromMessage(message as EventMessage)
}

/** Tells a client what is wrong with its message or its connection. It does not move the stream. */
export function errorFrame(
  code: ErrorCode,
  message: string,
  details?: Record<string, unknown>,
): Frame {
  return new Frame('error', { code, message, ...(details && { details }) })
}

/**
 * One chunk of a chunked HTTP/1.1 body (RFC 9112, 7.1). Plain ASCII stays a string, because writing a string
 * costs less than making a buffer of it. Events are plain ASCII.
 */
export function chunk(text: string): Bytes {
  const length = Buffer.byteLength(text)
  const whole = `${length.toString(16)}\r\n${text}\r\n`
  return length === text.length ? whole : Buffer.from(whole)
}

/** An unmasked, unfragmented text frame (RFC 6455, 5.2). */
function webSocketFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(head + length)
  frame[0] = 0x81
  if (head === 2) {
    frame[1] = length
  } else if (head === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(text, head)
  return frame
}

let corked: Duplex[] = []

/**
 * Buffers writes to a socket until the end of the current turn, so that all frames of a turn are one system
 * call. One tick uncorks all sockets of the turn.
 */
export function corkForTurn(socket: Duplex): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  if (corked.push(socket) === 1) process.nextTick(uncorkAll)
}

/** Writes at the end of the current turn. */
export function writeCorked(socket: Duplex, bytes: Bytes): void {
  corkForTurn(socket)
  socket.write(bytes, 'latin1')
}

/** Sends what was written in this turn, before the socket is closed: Bun drops it at the close, Node does not. */
export function flushCorked(socket: Duplex): void {
  if (socket.writableCorked > 0) socket.uncork()
}

function uncorkAll(): void {
  const all = corked
  corked = []
  for (const socket of all) socket.uncork()
}
