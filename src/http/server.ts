import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, type Socket, Server as TcpServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import type { ApiError } from '../lib/api-error.ts'
import { sleep, withTimeout } from '../lib/timeout.ts'
import type { Gateway } from '../realtime/gateway.ts'
import { createUpgradeRouter, SOCKET_IO_PATH } from '../realtime/transports/upgrade.ts'
import type { Handler } from './cached-reads.ts'
import { ConnectionCap } from './connection-cap.ts'
import { asksForWebSocket, serveWithoutUpgrade, shouldUpgrade } from './declined-upgrade.ts'
import { malformedRequest, rejectRequest } from './errors.ts'
import { headOf, readWhole, type Siblings } from './hand-over.ts'
import { STALLED_DOWNLOAD_TIMEOUT_MS } from './middleware/deadline.ts'
import { BASE_HEADERS } from './middleware/observe.ts'
import { headError } from './request-head.ts'

export interface ServerOptions {
  /** The app's `fetch`. */
  fetch: Parameters<typeof getRequestListener>[0]
  gateway: Gateway
  logger: Logger
  /** A handler in front of the app. It passes on the requests that it does not answer. Default: none. */
  before?: ((app: Handler) => Handler) | undefined
  /** Default: `CLIENT_TIMEOUTS_MS`. */
  timeoutsMs?: typeof CLIENT_TIMEOUTS_MS
  /** Files and connections that the process may have open. Default: no bound. */
  openFiles?: number | undefined
  /** Default: no other process has this port. */
  siblings?: Siblings | undefined
}

/**
 * Time limits for a client's request and for reading its answer, so that slow clients hold no resources for
 * long. The request of a stream ends with its headers.
 */
export const CLIENT_TIMEOUTS_MS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** Longer than proxies keep an idle connection. Otherwise a proxy could use a connection that is closing. */
  keepAliveTimeout: 75_000,
  /** For reading something of an answer that waits. Each read, however small, restarts it. */
  stalledDownloadTimeout: STALLED_DOWNLOAD_TIMEOUT_MS,
  /** The interval at which Node checks the first two. */
  connectionsCheckingInterval: 2_000,
}

export interface BalanceServer {
  readonly http: Server
  /** @param port 0 takes a free one. Rejects when the port is taken. */
  listen(port: number, host: string): Promise<AddressInfo>
  /**
   * Ends gracefully. The server becomes not ready, then accepts no new connections, closes streams spread over
   * so many seconds, and finishes the requests in flight. Idle connections stay open that long, and their
   * requests are answered with `Connection: close`. Resolves when no connection is open, at the latest after
   * about twice the time.
   * @param options.notice whether balancers must see a server that is not ready, before it accepts nothing more. Default
   *   true. Not where another process has the port.
   */
  drain(seconds: number, options?: { notice?: boolean }): Promise<void>
  /** Serves connections without a port: those of `adopt`. */
  serveAdopted(): void
  /** Serves a connection that another process accepted, and the bytes that were already read from it. */
  adopt(connection: Socket, bytes?: Uint8Array): void
  /** Connections of `adopt` that are open. */
  readonly adopted: number
  /** Ends at once. */
  close(): Promise<void>
}

/** The Node server: Hono, Socket.IO and raw WebSocket on one port. */
export function createServer({
  fetch,
  gateway,
  logger,
  before,
  timeoutsMs = CLIENT_TIMEOUTS_MS,
  openFiles,
  siblings,
}: ServerOptions): BalanceServer {
  const { engine } = gateway.socketIo
  const cap = new ConnectionCap(openFiles, logger)
  const listener = getRequestListener(fetch, {
    // HTTP/1.0 needs no Host header, and the health checks of some balancers send none.
    hostname: 'localhost',
    errorHandler: malformedRequest,
  })
  const app: Handler = (request, response) => void listener(request, response)
  const handle = before ? before(app) : app
  const openAnswers = new OpenAnswers()
  let draining = false
  const options = { ...timeoutsMs, shouldUpgradeCallback: shouldUpgrade }
  const http = createHttpServer(options, (request, response) => {
    // Node still emits the requests of a packet whose socket was destroyed by an earlier one.
    if (request.socket.destroyed) return
    if (!openAnswers.add(request, response)) return void request.socket.destroy()
    // An offer to upgrade is only left if `shouldUpgrade` rejected it. Node then loses pipelined requests.
    if (draining || request.headers.upgrade !== undefined || cap.endsWith(request)) {
      response.setHeader('Connection', 'close')
    }
    response.on('timeout', abortStalledDownload)
    const error = headError(request) ?? cap.refusal(request)
    if (error) return rejectRequest(request, response, error, gateway.corsOrigins)
    if (!request.url?.startsWith(SOCKET_IO_PATH)) return handle(request, response)
    const owner = siblings?.ownerOf(request)
    if (owner !== undefined) return void handOver(owner, request, response)
    const refused = gateway.admission.refusedSession(request)
    if (refused) return rejectRequest(request, response, refused, gateway.corsOrigins)
    const { origin, host } = request.headers
    const foreign = gateway.refusedOrigin(origin, host)
    if (foreign) {
      // Browsers write it into their console, and no part of the body.
      response.statusMessage = 'Not in CORS_ORIGINS'
      return rejectRequest(request, response, foreign, gateway.corsOrigins)
    }
    for (const [name, value] of Object.entries(BASE_HEADERS)) response.setHeader(name, value)
    engine.handleRequest(request as never, response)
  })
  async function handOver(
    owner: number,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { socket } = request
    try {
      const bytes = await readWhole(request)
      // Not in the turn in which the parser still works on the request.
      if (bytes) setImmediate(() => siblings?.send(owner, socket, bytes))
    } catch (error) {
      response.setHeader('Connection', 'close')
      rejectRequest(request, response, error as ApiError, gateway.corsOrigins)
    }
  }
  // Node sets it on each new socket, and restarts it with every byte that the client reads.
  http.timeout = timeoutsMs.stalledDownloadTimeout
  cap.watch(http)
  // Accepting failed, because the process or the system has no file left. Without a listener it would end the process.
  http.on('error', (error) => {
    if (http.listening) logger.warn({ err: error }, 'a connection could not be accepted')
  })
  const upgrade = createUpgradeRouter(gateway, logger, rejectRequest)
  const upgraded = new Set<Duplex>()
  function forget(this: Duplex): void {
    upgraded.delete(this)
  }
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!asksForWebSocket(request)) {
      const inTurn = (then: () => void) => openAnswers.onceFinished(socket, then)
      return serveWithoutUpgrade(http, request, socket, head, inTurn)
    }
    // Without a listener, a client that resets during authentication would end the process.
    socket.on('error', destroy)
    const owner = siblings?.ownerOf(request)
    if (siblings && owner !== undefined) {
      return siblings.send(owner, socket as Socket, Buffer.concat([headOf(request), head]))
    }
    upgraded.add(socket)
    socket.on('close', forget)
    const error = headError(request) ?? cap.refusal(request)
    if (error) return rejectRequest(request, socket, error, gateway.corsOrigins)
    void upgrade(request, socket, head)
  })
  const adopted = new Set<Socket>()
  /** Node's server waits only for connections that it accepted. */
  async function adoptedClosed(): Promise<void> {
    for (const socket of adopted) {
      if (!socket.closed)
        await new Promise<void>((resolve) => socket.once('close', () => resolve()))
    }
  }
  const closed = () => {
    return new Promise<void>((resolve) => {
      http.close(() => resolve())
      http.closeIdleConnections()
    })
  }
  return {
    http,
    listen(port, host) {
      return new Promise((resolve, reject) => {
        http.once('error', reject)
        http.listen(port, host, () => {
          http.off('error', reject)
          resolve(http.address() as AddressInfo)
        })
      })
    },
    serveAdopted() {
      // Node begins then to watch the time limits of requests.
      http.emit('listening')
    },
    adopt(connection, bytes) {
      adopted.add(connection)
      connection.once('close', () => adopted.delete(connection))
      if (bytes) connection.unshift(bytes)
      http.emit('connection', connection)
    },
    get adopted() {
      return adopted.size
    },
    async drain(seconds, { notice = true } = {}) {
      gateway.admission.stop()
      const lingered = sleep(seconds * 1000)
      // Balancers that check now see a server that is not ready, rather than no server.
      const noticeSeconds = notice ? Math.min(1, seconds / 10) : 0
      await sleep(noticeSeconds * 1000)
      siblings?.stopAccepting()
      // Right after the event loop has accepted what the kernel holds: the kernel resets what is left when the socket closes.
      await nextTurn()
      // Only the listening socket is closed, by the method of the parent class. `http.close()` would also close
      // idle connections. A proxy that sends a request at that moment could not know whether it was received.
      // Bun's HTTP server has no such parent.
      const accepted = new Promise<void>((resolve) => {
        if (http instanceof TcpServer) TcpServer.prototype.close.call(http, () => resolve())
        else (http as Server).close(() => resolve())
      })
      const finished = accepted.then(adoptedClosed)
      // Not before: a proxy that loses its connections opens new ones, which must not reach this server.
      draining = true
      await gateway.connections.drain(seconds - noticeSeconds)
      // By now each idle connection was used and told to close, or its proxy gave it up.
      await Promise.race([finished, lingered])
      // A kept-alive connection becomes idle only when its last answer is sent.
      const idle = setInterval(() => http.closeIdleConnections(), 50)
      await withTimeout(finished, 1000 + seconds * 1000, () => {})
      clearInterval(idle)
      await this.close()
    },
    async close() {
      await gateway.close()
      const finished = closed()
      http.closeAllConnections()
      for (const socket of upgraded) socket.destroy()
      await finished
    },
  }
}

function destroy(this: Duplex): void {
  this.destroy()
}

/** A client that waits for the server keeps its connection. */
function abortStalledDownload(this: ServerResponse): void {
  const { socket } = this
  if (socket && socket.writableLength > 0) socket.destroy()
}

/** Requests of one connection that may wait for their answers. Proxies and browsers wait for each answer. */
export const MAX_PIPELINED = 64

/** The unfinished answers of each connection. */
class OpenAnswers {
  readonly #open = new WeakMap<Duplex, { newest: ServerResponse; count: number }>()

  /** @returns false if there are too many: one packet can hold a thousand requests */
  add({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const open = this.#open.get(socket) ?? { newest: response, count: 0 }
    open.newest = response
    open.count += 1
    this.#open.set(socket, open)
    response.once('finish', () => {
      open.count -= 1
      if (open.count === 0) this.#open.delete(socket)
    })
    return open.count <= MAX_PIPELINED
  }

  /** Keeps the order of answers for a client that sends its next request early. */
  onceFinished(socket: Duplex, then: () => void): void {
    const open = this.#open.get(socket)
    if (open) open.newest.once('finish', then)
    else then()
  }
}
