import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RawData } from 'ws'
import type { TransportParts } from '../connections/client-messages.ts'
import type { Connection, TransportSink } from '../connections/connections.ts'
import { MAX_MESSAGE_BYTES, type TokenBucket } from '../connections/limits.ts'
import { type Frame, flushCorked, writeCorked } from '../stream/frame.ts'
import type { CloseReason } from '../stream/subscriber.ts'
import { ErrorReportingServer, ErrorReportingSocket } from './error-reporting-socket.ts'
import { closeCode, receive, type WebSocketOpening } from './websocket-messages.ts'
import { WebSocket } from './ws-package.ts'

type Parts = Pick<TransportParts, 'admission' | 'connections' | 'requests'>

/** All clients share their listeners: closures of its own would cost each connection another half kilobyte. */
class Client extends ErrorReportingSocket {
  parts: Parts | undefined
  connection: Connection | undefined
  bucket: TokenBucket | undefined
  sink: WebSocketSink | undefined

  override report(frame: Frame): void {
    this.sink?.write(frame)
  }
}

/** The raw WebSocket at `/balance`: JSON text frames. The upgrade router has authenticated the client before. */
export class WebSocketTransport {
  readonly #parts: Parts
  readonly #server = new ErrorReportingServer(Client)

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Completes the handshake of an admitted client. Rejects a request that is no WebSocket handshake with 400. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, opening: WebSocketOpening): void {
    const abandoned = () => this.#parts.admission.release(opening.principal)
    socket.once('close', abandoned)
    this.#server.handleUpgrade(request, socket, head, (client) => {
      socket.off('close', abandoned)
      this.#open(client, socket, opening)
    })
  }

  #open(client: Client, socket: Duplex, opening: WebSocketOpening): void {
    const { principal, lastEventId, currency, pace } = opening
    const { connections } = this.#parts
    client.parts = this.#parts
    client.bucket = connections.messageBucket()
    client.sink = new WebSocketSink(client, socket)
    client.connection = connections.open(client.sink, {
      principal,
      transport: 'websocket',
      clientId: randomUUID(),
      lastEventId: lastEventId ?? undefined,
      currency,
      pace,
    })
    client.on('error', onError)
    client.on('close', onClose)
    client.on('pong', onControlFrame)
    client.on('ping', onControlFrame)
    client.on('message', onMessage)
  }
}

/** ws is closing the connection already, with a code for the reason. */
function onError(): void {}

function onClose(this: WebSocket): void {
  const { parts, connection } = this as Client
  if (connection) parts?.connections.closed(connection)
}

/** Pings and pongs count as messages, because each costs as much to read. */
function onControlFrame(this: WebSocket): void {
  const { parts, connection, bucket, sink } = this as Client
  sink?.answered()
  if (connection && bucket) parts?.connections.countMessage(connection, bucket)
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  const { parts, connection, bucket, sink } = this as Client
  sink?.answered()
  if (!parts || !connection || !bucket) return
  receive(parts, connection, bucket, isBinary ? undefined : String(data))
}

class WebSocketSink implements TransportSink {
  readonly #client: WebSocket
  readonly #socket: Duplex
  /** Heartbeats since the client last sent anything. */
  #unanswered = 0

  constructor(client: WebSocket, socket: Duplex) {
    this.#client = client
    this.#socket = socket
  }

  /** Bypasses ws and writes to its socket. That is safe because ws, without compression, writes only whole frames. */
  write(frame: Frame): void {
    if (this.#client.readyState === WebSocket.OPEN) writeCorked(this.#socket, frame.webSocket)
  }

  queuedBytes(): number {
    return this.#client.bufferedAmount
  }

  /** Terminates a client that left three heartbeats unanswered. */
  beat(): void {
    this.#unanswered += 1
    if (this.#unanswered > 3) this.#client.terminate()
    else if (this.#client.readyState === WebSocket.OPEN) this.#client.ping()
  }

  answered(): void {
    this.#unanswered = 0
  }

  close(reason: CloseReason): void {
    flushCorked(this.#socket)
    if (this.#client.bufferedAmount > MAX_MESSAGE_BYTES) this.#client.terminate()
    else this.#client.close(closeCode(reason), reason.code)
  }
}
