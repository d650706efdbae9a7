import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, Server as TcpServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import type { Gateway } from '../realtime/gateway.ts'
import { createUpgradeRouter, SOCKET_IO_PATH } from '../realtime/transports/upgrade.ts'
import type { Handler } from './cached-reads.ts'
import { BASE_HEADERS } from './middleware/request-id.ts'
import { asksForWebSocket, leavesHttp, OpenAnswers, withoutUpgrade } from './no-upgrade.ts'
import { malformedRequest, rejectRequest } from './reject-request.ts'
import { faultOf } from './request-head.ts'
import { UNREAD } from './unread.ts'

export interface ServerOptions {
  /** The app's `fetch`. */
  fetch: Parameters<typeof getRequestListener>[0]
  gateway: Gateway
  logger: Logger
  /** Stands before the app, and hands it what it does not answer. Default: none. */
  before?: ((app: Handler) => Handler) | undefined
  /** Default: `PATIENCE`. */
  patience?: typeof PATIENCE
}

/**
 * Milliseconds that a client has for its request and its answer, so that thousands who send a byte a minute,
 * or read none, hold nothing for long. A stream's request is over when its headers are in.
 */
export const PATIENCE = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** Longer than proxies keep an idle connection, or they would write into one that is just closing. */
  keepAliveTimeout: 75_000,
  /** For taking something of an answer that waits to be taken; who takes a little, however slowly, has it again. */
  unreadTimeout: UNREAD,
  /** How often requests and their headers are looked at. */
  connectionsCheckingInterval: 2_000,
}

export interface BalanceServer {
  readonly http: Server
  /** @param port 0 takes a free one. Rejects when the port is taken. */
  listen(port: number, host: string): Promise<AddressInfo>
  /**
   * Ends well: not ready any more, then no new connection, streams closed spread over so many seconds,
   * requests in flight finished. An idle connection stays open as long: what still arrives on it is answered,
   * with `Connection: close`. Resolves when nothing is open, or when twice the time is over.
   */
  drain(seconds: number): Promise<void>
  /** Ends at once. */
  close(): Promise<void>
}

/** The Node server: Hono, Socket.IO and raw WebSocket on one port. */
export function createServer({
  fetch,
  gateway,
  logger,
  before,
  patience = PATIENCE,
}: ServerOptions): BalanceServer {
  const { engine } = gateway.socketIo
  const listener = getRequestListener(fetch, {
    // HTTP/1.0 needs no Host, and the health checks of some balancers send none.
    hostname: 'localhost',
    errorHandler: malformedRequest,
  })
  const app: Handler = (request, response) => void listener(request, response)
  const handle = before ? before(app) : app
  const answers = new OpenAnswers()
  let draining = false
  const options = { ...patience, shouldUpgradeCallback: leavesHttp }
  const http = createHttpServer(options, (request, response) => {
    // What else was in the same packet comes here still.
    if (request.socket.destroyed) return
    if (!answers.add(request, response)) return void request.socket.destroy()
    // An offer to upgrade is left of it only where Node asked `leavesHttp`, and there Node loses what is
    // pipelined behind it.
    if (draining || request.headers.upgrade !== undefined) response.setHeader('Connection', 'close')
    response.on('timeout', abortStalledDownload)
    const fault = faultOf(request)
    if (fault) return rejectRequest(request, response, fault, gateway.corsOrigins)
    if (!request.url?.startsWith(SOCKET_IO_PATH)) return handle(request, response)
    const refused = gateway.admission.refusedSession(request)
    if (refused) return rejectRequest(request, response, refused, gateway.corsOrigins)
    for (const [name, value] of Object.entries(BASE_HEADERS)) response.setHeader(name, value)
    engine.handleRequest(request as never, response)
  })
  // Node tells it by the socket, once for its whole life, and starts it anew with every byte that is taken.
  http.timeout = patience.unreadTimeout
  const upgrade = createUpgradeRouter(gateway, logger, rejectRequest)
  const upgraded = new Set<Duplex>()
  function forget(this: Duplex): void {
    upgraded.delete(this)
  }
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!asksForWebSocket(request)) return withoutUpgrade(http, answers, request, socket, head)
    // Without it, a client that resets while it is being authenticated ends the process.
    socket.on('error', destroy)
    upgraded.add(socket)
    socket.on('close', forget)
    const fault = faultOf(request)
    if (fault) return rejectRequest(request, socket, fault, gateway.corsOrigins)
    void upgrade(request, socket, head)
  })
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
    async drain(seconds) {
      gateway.admission.stop()
      const lingered = new Promise((resolve) => setTimeout(resolve, seconds * 1000))
      // Balancers that look now see a server that is not ready, rather than none.
      const notice = Math.min(1, seconds / 10)
      await new Promise((resolve) => setTimeout(resolve, notice * 1000))
      // What listens is closed, as its parent class does it: `http.close()` would also close idle connections,
      // and a proxy that writes its next request into one at that moment could not know whether it was taken.
      const finished = new Promise<void>((resolve) => {
        TcpServer.prototype.close.call(http, () => resolve())
      })
      // Only now: a proxy that loses its connections makes new ones, which must not come to one that closes.
      draining = true
      await gateway.connections.drain(seconds - notice)
      // By then each was used, and told to close, or a proxy has let go of it by itself.
      await Promise.race([finished, lingered])
      // A connection that is kept alive is idle only once its last answer is out.
      const idle = setInterval(() => http.closeIdleConnections(), 50)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, 1000 + seconds * 1000)
      })
      await Promise.race([finished, late])
      clearInterval(idle)
      clearTimeout(timer)
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

/** A client that waits for us stays: only one that we wait for goes. */
function abortStalledDownload(this: ServerResponse): void {
  const { socket } = this
  if (socket && socket.writableLength > 0) socket.destroy()
}
