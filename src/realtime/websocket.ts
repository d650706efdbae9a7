import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
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
}

export interface WebSocketOpening {
  principal: Principal
  lastEventId: string | null
  currency: string | null
}

/** The raw WebSocket at `/balance`: JSON text frames. Authentication comes before, in the upgrade router. */
export class WebSocketTransport {
  readonly #connections: Connections
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE,
  })

  constructor(connections: Connections) {
    this.#connections = connections
    // A handshake that is no WebSocket's: ws answers it, nobody is let in.
    this.#server.on('wsClientError', (_error, socket) => socket.destroy())
  }

  /** Completes the handshake of a client that was let in. */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { principal, lastEventId, currency }: WebSocketOpening,
  ): void {
    let opened = false
    socket.once('close', () => {
      if (!opened) this.#connections.release(principal)
    })
    this.#server.handleUpgrade(request, socket, head, (client) => {
      opened = true
      const sink = new WebSocketSink(client, socket)
      const connection = this.#connections.open(sink, {
        principal,
        transport: 'websocket',
        clientId: randomUUID(),
        lastEventId: lastEventId ?? undefined,
        currency: currency ?? undefined,
      })
      client.on('error', () => client.terminate())
      client.on('close', () => this.#connections.closed(connection))
      client.on('pong', () => sink.answered())
      client.on('ping', () => this.#connections.allowMessage(connection))
      client.on('message', (data, isBinary) => {
        sink.answered()
        void this.#receive(connection, isBinary ? '' : String(data))
      })
    })
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
