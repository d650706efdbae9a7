import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ServerOptions } from 'ws'
import {
  CLOSE_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
  MESSAGES_PER_SECOND,
  TokenBucket,
  UNFINISHED_MESSAGE_TIMEOUT_MS,
} from '../connections/limits.ts'
import { errorFrame, type Frame } from '../stream/frame.ts'
import { WebSocket, WebSocketServer } from './ws-package.ts'

/** The faults of a client for which ws closes a connection by itself, by close code (RFC 6455, 7.4.1). */
const FAULTS: ReadonlyMap<number | undefined, Frame> = new Map([
  [1002, errorFrame('invalid_request', 'Malformed WebSocket frame.')],
  [1007, errorFrame('invalid_request', 'The message is not valid UTF-8.')],
  [1009, errorFrame('message_too_large', `A message may have at most ${MAX_MESSAGE_BYTES} bytes.`)],
])

const TOO_MUCH = errorFrame(
  'rate_limited',
  'Too many pings or pongs, or a message that was not finished.',
)

/** Bytes that may arrive without an end of a message: the message itself, and the heads of its frames. */
const MAX_UNFINISHED_BYTES = 2 * MAX_MESSAGE_BYTES

/** The largest control frame that a client can send. */
const CONTROL_FRAME_BYTES = 131

/** The server's end of a WebSocket. An `error` event tells the client the fault before ws closes for it. */
export abstract class ErrorReportingSocket extends WebSocket {
  abstract report(frame: Frame): void

  /** Of control frames, which no other limit sees. */
  readonly #bucket = new TokenBucket(MESSAGES_PER_SECOND)
  /** Bytes that arrived since the last end of a message, as long as no end arrived with them. */
  #unfinishedBytes = 0
  /** Whether a message ended in the bytes that are being read. */
  #ended = false
  #timer: NodeJS.Timeout | undefined

  /** Bounds two things that ws does not: messages that never end, and control frames. */
  guard(socket: Duplex): void {
    this.on('message', this.#finished)
    this.on('ping', this.#controlled)
    this.on('pong', this.#controlled)
    this.on('close', this.#finished)
    // Added after the listener of ws, which reads the bytes first and emits the messages that ended in them.
    socket.on('data', (bytes: Buffer) => this.#read(bytes.length))
  }

  #read(bytes: number): void {
    if (this.#ended || this.readyState !== WebSocket.OPEN) {
      this.#ended = false
      return
    }
    this.#unfinishedBytes += bytes
    this.#timer ??= setTimeout(() => this.#tooMuch(), UNFINISHED_MESSAGE_TIMEOUT_MS)
    if (this.#unfinishedBytes <= MAX_UNFINISHED_BYTES) return
    // Some ticks later ws may report a fault of the message, which is the better reason.
    setImmediate(() => {
      if (this.#unfinishedBytes > MAX_UNFINISHED_BYTES) this.#tooMuch()
    })
  }

  #finished(): void {
    this.#ended = true
    this.#unfinishedBytes = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** A control frame ends no message, so the timeout of an unfinished message continues. */
  #controlled(): void {
    if (this.#unfinishedBytes <= CONTROL_FRAME_BYTES) this.#finished()
    this.#ended = true
    if (!this.#bucket.take()) this.#tooMuch()
  }

  #tooMuch(): void {
    if (this.readyState !== WebSocket.OPEN) return
    this.report(TOO_MUCH)
    this.close(1008, 'rate_limited')
  }

  override close(code?: number, reason?: string | Buffer): void {
    const fault = this.readyState === WebSocket.OPEN ? FAULTS.get(code) : undefined
    if (fault) this.report(fault)
    super.close(code, reason)
  }
}

/** Makes such sockets of upgrade requests. Without compression, because that made a connection cost 233 KB. */
export class ErrorReportingServer<T extends typeof WebSocket> extends WebSocketServer<T> {
  constructor(socketClass: T) {
    const options: ServerOptions<T> & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      closeTimeout: CLOSE_TIMEOUT_MS,
      WebSocket: socketClass,
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
