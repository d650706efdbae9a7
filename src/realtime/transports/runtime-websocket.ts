import { randomUUID } from 'node:crypto'
import type { TransportParts } from '../connections/client-messages.ts'
import type { Connection, TransportSink } from '../connections/connections.ts'
import { MAX_MESSAGE_BYTES, type TokenBucket } from '../connections/limits.ts'
import type { Frame } from '../stream/frame.ts'
import type { CloseReason } from '../stream/subscriber.ts'
import type { RuntimeSocket, RuntimeSocketEvents } from './runtime-socket.ts'
import { closeCode, receive, type WebSocketOpening } from './websocket-messages.ts'

type Parts = Pick<TransportParts, 'admission' | 'connections' | 'requests'>

const TOO_LARGE: CloseReason = {
  code: 'message_too_large',
  message: `A message may have at most ${MAX_MESSAGE_BYTES} bytes.`,
  final: true,
}

/** The raw WebSocket where the runtime upgrades the request, as Deno and Bun do. */
export class RuntimeWebSocket implements RuntimeSocketEvents {
  readonly #parts: Parts
  readonly #opening: WebSocketOpening
  readonly #bucket: TokenBucket
  #connection: Connection | undefined

  constructor(parts: Parts, opening: WebSocketOpening) {
    this.#parts = parts
    this.#opening = opening
    this.#bucket = parts.connections.messageBucket()
  }

  opened(socket: RuntimeSocket): void {
    const { principal, lastEventId, currency, pace } = this.#opening
    this.#connection = this.#parts.connections.open(new RuntimeSocketSink(socket), {
      principal,
      transport: 'websocket',
      clientId: randomUUID(),
      lastEventId: lastEventId ?? undefined,
      currency,
      pace,
    })
  }

  received(message: string | Uint8Array | ArrayBuffer): void {
    if (!this.#connection) return
    const isText = typeof message === 'string'
    const size = isText ? Buffer.byteLength(message) : message.byteLength
    if (size > MAX_MESSAGE_BYTES) this.#parts.connections.end(this.#connection, TOO_LARGE)
    else receive(this.#parts, this.#connection, this.#bucket, isText ? message : undefined)
  }

  /** It counts as a message, because it costs as much to read. */
  controlled(): void {
    if (this.#connection) this.#parts.connections.countMessage(this.#connection, this.#bucket)
  }

  closed(): void {
    if (this.#connection) this.#parts.connections.closed(this.#connection)
    else this.#parts.admission.release(this.#opening.principal)
  }
}

class RuntimeSocketSink implements TransportSink {
  readonly #socket: RuntimeSocket
  #open = true

  constructor(socket: RuntimeSocket) {
    this.#socket = socket
  }

  write(frame: Frame): void {
    if (this.#open) this.#socket.send(frame.text)
  }

  queuedBytes(): number {
    return this.#socket.queuedBytes()
  }

  /** The runtime itself pings, and closes a connection without an answer. */
  beat(): void {}

  close(reason: CloseReason): void {
    if (!this.#open) return
    this.#open = false
    if (this.queuedBytes() > MAX_MESSAGE_BYTES) this.#socket.terminate()
    else this.#socket.close(closeCode(reason), reason.code)
  }
}
