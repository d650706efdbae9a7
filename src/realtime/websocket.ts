import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Principal } from '../auth/principal.ts'
import type { Connection, TransportSink } from './connection.ts'
import { type Connections, errorFrame } from './connections.ts'
import type { Frame } from './frame.ts'
import { MAX_MESSAGE, tokenIn } from './socketio.ts'
import type { CloseReason } from './subscriber.ts'
import { writeSoon } from './write-soon.ts'

/** Close codes: 1012 and 1013 say "come back", 4xxx are ours. */
const CLOSE_CODES: Partial<Record<CloseReason['code'], number>> = {
  shutting_down: 1012,
  slow_consumer: 1013,
  unavailable: 1013,
  rate_limited: 1008,
  token_expired: 4401,
  token_revoked: 4401,
}

export interface WebSocketOpening {
  principal: Principal
  lastEventId: string | null
  currency: string | null
}

/** Its listeners are shared by all: closures of its own would cost a connection half a kilobyte more. */
class Client extends WebSocket {
  transport: WebSocketTransport | undefined
  connection: Connection | undefined
  sink: WebSocketSink | undefined
}

/** The raw WebSocket at `/balance`: JSON text frames. Authentication comes before, in the upgrade router. */
export class WebSocketTransport {
  readonly #connections: Connections
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE,
    WebSocket: Client,
  })

  constructor(connections: Connections) {
    this.#connections = connections
    // A handshake that is no WebSocket's: nobody is let in.
    this.#server.on('wsClientError', (_error, socket) => socket.destroy())
  }

  /** Completes the handshake of a client that was let in. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, opening: WebSocketOpening): void {
    const abandoned = () => this.#connections.release(opening.principal)
    socket.once('close', abandoned)
    this.#server.handleUpgrade(request, socket, head, (client) => {
      socket.off('close', abandoned)
      this.#open(client, socket, opening)
    })
  }

  #open(client: Client, socket: Duplex, opening: WebSocketOpening): void {
    const { principal, lastEventId, currency } = opening
    client.transport = this
    client.sink = new WebSocketSink(client, socket)
    client.connection = this.#connections.open(client.sink, {
      principal,
      transport: 'websocket',
      clientId: randomUUID(),
      lastEventId: lastEventId ?? undefined,
      currency: currency ?? undefined,
    })
    client.on('error', client.terminate)
    client.on('close', onClose)
    client.on('pong', onPong)
    client.on('ping', onPing)
    client.on('message', onMessage)
  }

  closed({ connection }: Client): void {
    if (connection) this.#connections.closed(connection)
  }

  pinged({ connection }: Client): void {
    if (connection) this.#connections.allowMessage(connection)
  }

  messaged({ connection }: Client, text: string): void {
    if (connection) void this.#receive(connection, text)
  }

  async #receive(connection: Connection, text: string): Promise<void> {
    if (!this.#connections.allowMessage(connection)) return
    connection.sink.write(await this.#reply(connection, text))
  }

  async #reply(connection: Connection, text: string): Promise<Frame> {
    const message = parse(text)
    switch (message?.event) {
      case 'subscribe_balance':
        return this.#connections.subscribed(connection)
      case 'get_current_balance':
        return await this.#connections.currentBalance(connection)
      case 'authenticate':
        return await this.#connections.authenticate(connection, tokenIn(message))
      default:
        return errorFrame('invalid_request', 'send {"event": "get_current_balance"}, for one')
    }
  }
}

function onClose(this: WebSocket): void {
  if (this instanceof Client) this.transport?.closed(this)
}

function onPong(this: WebSocket): void {
  if (this instanceof Client) this.sink?.answered()
}

function onPing(this: WebSocket): void {
  if (this instanceof Client) this.transport?.pinged(this)
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  if (!(this instanceof Client)) return
  this.sink?.answered()
  this.transport?.messaged(this, isBinary ? '' : String(data))
}

function parse(text: string): { event?: unknown } | undefined {
  try {
    const message: unknown = JSON.parse(text)
    return typeof message === 'object' && message !== null ? message : undefined
  } catch {
    return undefined
  }
}

class WebSocketSink implements TransportSink {
  readonly #client: WebSocket
  readonly #socket: Duplex
  /** Heartbeats since the client was last heard. */
  #unanswered = 0

  constructor(client: WebSocket, socket: Duplex) {
    this.#client = client
    this.#socket = socket
  }

  /** Past ws, to the socket: without compression it sends whole frames at once, and so do we. */
  write(frame: Frame): void {
    if (this.#client.readyState === WebSocket.OPEN) writeSoon(this.#socket, frame.webSocket)
  }

  queuedBytes(): number {
    return this.#client.bufferedAmount
  }

  /** A client that was not heard for two heartbeats is gone. */
  beat(): void {
    this.#unanswered += 1
    if (this.#unanswered > 3) this.#client.terminate()
    else if (this.#client.readyState === WebSocket.OPEN) this.#client.ping()
  }

  answered(): void {
    this.#unanswered = 0
  }

  close(reason: CloseReason): void {
    if (this.#client.bufferedAmount > MAX_MESSAGE) this.#client.terminate()
    else this.#client.close(CLOSE_CODES[reason.code] ?? 1011, reason.code)
  }
}
