import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { ApiError } from '../../lib/api-error.ts'
import type { Gateway } from '../gateway.ts'
import { admitWebSocket, WEB_SOCKET_PATH } from './websocket-messages.ts'

export const SOCKET_IO_PATH = '/socket.io/'

/** Answers a request that the app never sees with an error, and closes its socket. */
export type Reject = (
  request: IncomingMessage,
  socket: Duplex,
  error: ApiError,
  corsOrigins: readonly string[],
) => void

/**
 * The one place that decides an upgrade: by path, origin and token, then the handshake. A rejected request
 * gets an HTTP answer immediately, and its socket is closed.
 */
export function createUpgradeRouter(gateway: Gateway, logger: Logger, reject: Reject) {
  function asRefusal(error: unknown): ApiError {
    if (error instanceof ApiError) return error
    logger.error({ err: error }, 'an upgrade failed')
    return new ApiError(500, 'internal', 'The upgrade failed.')
  }

  return async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    try {
      const url = parse(request.url)
      if (url.pathname === SOCKET_IO_PATH) {
        const { origin, host } = request.headers
        const refused =
          gateway.admission.refusedSession(request) ?? gateway.refusedOrigin(origin, host)
        if (refused) throw refused
        gateway.socketIo.engine.handleUpgrade(request as never, socket, head)
      } else if (url.pathname === WEB_SOCKET_PATH) {
        await openBalance(gateway, url, request, socket, head)
      } else {
        gateway.admission.countRefusal('not_found')
        throw new ApiError(
          404,
          'not_found',
          'There is no WebSocket at this path; connect to /balance.',
        )
      }
    } catch (error) {
      reject(request, socket, asRefusal(error), gateway.corsOrigins)
    }
  }
}

async function openBalance(
  gateway: Gateway,
  url: URL,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const opening = await admitWebSocket(gateway, url.searchParams, request.headers, request)
  if (socket.destroyed) gateway.admission.release(opening.principal)
  else gateway.webSocket.upgrade(request, socket, head, opening)
}

function parse(target = ''): URL {
  if (URL.canParse(target, 'http://localhost')) return new URL(target, 'http://localhost')
  throw new ApiError(400, 'invalid_request', 'Malformed request target or Host header.')
}
