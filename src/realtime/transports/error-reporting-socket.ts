import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import {
  CLOSE_WITHIN,
  MAX_MESSAGE,
  MESSAGES_PER_SECOND,
  UNFINISHED_WITHIN,
} from '../connections/limits.ts'
import { errorNotice } from '../connections/notices.ts'
import { TokenBucket } from '../connections/token-bucket.ts'
import type { Frame } from '../stream/frame.ts'

/** What ws closes a connection for by itself, by the code that it closes with (RFC 6455, 7.4.1). */
const FAULTS: ReadonlyMap<number | undefined, Frame> = new Map([
  [1002, errorNotice('invalid_request', 'Malformed WebSocket frame.')],
  [1007, errorNotice('invalid_request', 'The message is not valid UTF-8.')],
  [1009, errorNotice('message_too_large', `A message may have at most ${MAX_MESSAGE} bytes.`)],
])

const TOO_MUCH = errorNotice(
  'rate_limited',
  'Too many pings or pongs, or a message that was not finished.',
)

/** Bytes that may come without an end of a message: its own, and what its frames cost. */
const MAX_UNFINISHED = 2 * MAX_MESSAGE

/** Bytes of the largest control frame that a client can send. */
const CONTROL_FRAME = 131

/** A server's end of a WebSocket whose client is told, by an `error` event, what ws will close it for. */
export abstract class ErrorReportingSocket extends WebSocket {
  abstract tell(frame: Frame): void

  /** Of control frames, which reach nobody else. */
  readonly #allowance = new TokenBucket(MESSAGES_PER_SECOND)
  /** Bytes that came since the last end of a message, while none came with them. */
  #unfinished = 0
  /** Whether something ended in the bytes that are being read. */
  #ended = false
  #timer: NodeJS.Timeout | undefined

  /** Bounds what ws itself says nothing of: messages that never end, and control frames. */
  guard(socket: Duplex): void {
    this.on('message', this.#finished)
    this.on('ping', this.#controlled)
    this.on('pong', this.#controlled)
    this.on('close', this.#finished)
    // After ws, which reads them first, and says at once what ended in them.
    socket.on('data', (bytes: Buffer) => this.#read(bytes.length))
  }

  #read(bytes: number): void {
    if (this.#ended || this.readyState !== WebSocket.OPEN) {
      this.#ended = false
      return
    }
    this.#unfinished += bytes
    this.#timer ??= setTimeout(() => this.#tooMuch(), UNFINISHED_WITHIN)
    if (this.#unfinished <= MAX_UNFINISHED) return
    // ws says some ticks later what is wrong with a message, and that is the better reason.
    setImmediate(() => {
      if (this.#unfinished > MAX_UNFINISHED) this.#tooMuch()
    })
  }

  #finished(): void {
    this.#ended = true
    this.#unfinished = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** It ends no message, so the time of one that has begun goes on. */
  #controlled(): void {
    if (this.#unfinished <= CONTROL_FRAME) this.#finished()
    this.#ended = true
    if (!this.#allowance.take()) this.#tooMuch()
  }

  #tooMuch(): void {
    if (this.readyState !== WebSocket.OPEN) return
    this.tell(TOO_MUCH)
    this.close(1008, 'rate_limited')
  }

  override close(code?: number, reason?: string | Buffer): void {
    const fault = this.readyState === WebSocket.OPEN ? FAULTS.get(code) : undefined
    if (fault) this.tell(fault)
    super.close(code, reason)
  }
}

/** Makes such sockets of upgrade requests. Without compression, which made a connection cost 233 KB. */
export class TellingServer<T extends typeof WebSocket> extends WebSocketServer<T> {
  constructor(client: T) {
    const options: ServerOptions<T> & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE,
      closeTimeout: CLOSE_WITHIN,
      WebSocket: client,
    }
    super(options)
  }

  override handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: (client: InstanceType<T>, request: IncomingMessage) => void,
  ): void {
    super.handleUpgrade(request, socket, head, (client, upgraded) => {
      ;(client as unknown as ErrorReportingSocket).guard(socket)
      callback(client, upgraded)
    })
  }
}
