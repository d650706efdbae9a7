import { parseConfig } from '../config/config.ts'
import { rejected } from '../http/errors.ts'
import { targetError } from '../http/request-head.ts'
import { ApiError } from '../lib/api-error.ts'
import { createLogger } from '../lib/log.ts'
import { ShutdownStack } from '../lib/shutdown-stack.ts'
import { withTimeout } from '../lib/timeout.ts'
import type { Origin } from '../rate-limit/client-address.ts'
import { CLOSE_TIMEOUT_MS } from '../realtime/connections/limits.ts'
import type { Gateway } from '../realtime/gateway.ts'
import type { RuntimeSocketEvents } from '../realtime/transports/runtime-socket.ts'
import { RuntimeWebSocket } from '../realtime/transports/runtime-websocket.ts'
import { admitWebSocket, WEB_SOCKET_PATH } from '../realtime/transports/websocket-messages.ts'
import { startApp } from '../start.ts'

/** Where a request comes from, and how the runtime upgrades it. */
export interface Peer {
  /** The address of the other end of the connection. Without it there are no limits by address. */
  address?: string | undefined
  /**
   * Upgrades the request. Returns the runtime's answer, or undefined where it has none. Without it there is no
   * WebSocket, and the client library uses SSE.
   */
  upgrade?: (events: RuntimeSocketEvents) => Response | undefined
}

/** The balance server without an HTTP server of its own. */
export interface Balance {
  /** Answers a request: REST, and the event stream. */
  fetch(request: Request, peer?: Pick<Peer, 'address'>): Promise<Response>
  /** The same with upgrades, for the handlers of a runtime. */
  handle(request: Request, peer: Peer): Promise<Response | undefined>
  /**
   * Ends gracefully: closes the streams spread over DRAIN_SECONDS so that their clients come back, waits for the
   * requests in flight, calls `closeListener`, and then disconnects from Postgres and Redis.
   * @param closeListener stops accepting requests, and resolves when the last answers are sent
   */
  stop(closeListener?: () => unknown): Promise<void>
}

/**
 * Starts everything but an HTTP server.
 * @param variables the settings, as in the environment, without PORT, HOST and WORKERS. Default: the environment.
 * @throws what is wrong with them, or what cannot be reached
 */
export async function startBalance(
  variables: Record<string, string | undefined> = process.env,
): Promise<Balance> {
  const config = parseConfig(variables)
  const log = createLogger(config)
  const releases = new ShutdownStack()
  const { app, gateway, startMaintenance } = await startApp(config, log, releases).catch(
    async (error) => {
      await releases.run().catch(() => {})
      throw error
    },
  )
  startMaintenance()
  const inFlight = new Set<Promise<unknown>>()

  async function handle(request: Request, peer: Peer): Promise<Response | undefined> {
    const error = targetError(request.url)
    if (error) return rejected(request, error, config.corsOrigins)
    const origin = originOf(request, peer.address)
    if (isWebSocket(request)) return await upgraded(gateway, request, origin, peer)
    return await app.fetch(request, { origin })
  }
  function counted<T>(answer: Promise<T>): Promise<T> {
    inFlight.add(answer)
    const done = () => inFlight.delete(answer)
    answer.then(done, done)
    return answer
  }
  return {
    fetch: (request, { address } = {}) =>
      counted(handle(request, { address }) as Promise<Response>),
    handle: (request, peer) => counted(handle(request, peer)),
    async stop(closeListener) {
      const { drainSeconds } = config
      gateway.admission.stop()
      await gateway.connections.drain(drainSeconds)
      // The close frames are on their way. Deno's listener would close what is open with a code of its own.
      const closed = gateway.connections.allClosed()
      await withTimeout(closed, CLOSE_TIMEOUT_MS, () => {})
      const limitMs = 1000 + drainSeconds * 1000
      // Before the listener is closed, because Deno's then stops reading the bodies that are still arriving.
      await withTimeout(Promise.allSettled(inFlight), limitMs, () => [])
      await withTimeout(Promise.resolve(closeListener?.()), limitMs, () => {})
      await withTimeout(Promise.allSettled(inFlight), limitMs, () => [])
      await gateway.close()
      await releases.run()
    },
  }
}

function isWebSocket({ headers }: Request): boolean {
  return headers.get('upgrade')?.toLowerCase() === 'websocket'
}

function originOf({ headers }: Request, remoteAddress: string | undefined): Origin {
  const header = (name: string) => headers.get(name) ?? undefined
  const named = ['x-forwarded-for', 'origin', 'host'].map((name) => [name, header(name)])
  return { headers: Object.fromEntries(named), socket: { remoteAddress } }
}

/** Answers a request for a WebSocket. There is none for Socket.IO, whose server needs Node's `http`. */
async function upgraded(
  gateway: Gateway,
  request: Request,
  from: Origin,
  { upgrade }: Peer,
): Promise<Response | undefined> {
  const { pathname, searchParams } = new URL(request.url)
  const header = (name: string) => request.headers.get(name) ?? undefined
  try {
    if (pathname !== WEB_SOCKET_PATH || !upgrade) {
      gateway.admission.countRefusal('not_found')
      throw new ApiError(404, 'not_found', 'There is no WebSocket here; use /balance/stream.')
    }
    const headers = {
      origin: header('origin'),
      host: header('host'),
      authorization: header('authorization'),
    }
    const opening = await admitWebSocket(gateway, searchParams, headers, from)
    const socket = new RuntimeWebSocket(gateway, opening)
    try {
      return upgrade(socket)
    } catch (cause) {
      socket.closed()
      throw new ApiError(400, 'invalid_request', 'Not a WebSocket handshake.', { cause })
    }
  } catch (error) {
    const known =
      error instanceof ApiError ? error : new ApiError(500, 'internal', 'The upgrade failed.')
    return rejected(request, known, gateway.corsOrigins)
  }
}
