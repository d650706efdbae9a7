import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { ApiError, type ErrorCode } from '../errors.ts'
import type { Gateway } from './gateway.ts'

export const SOCKET_IO_PATH = '/socket.io/'

/**
 * The one place where an upgrade is decided: path, origin, token, then the handshake. Whoever is refused
 * gets an HTTP answer at once, and a closed socket.
 */
export function createUpgradeRouter(gateway: Gateway, logger: Logger) {
  return async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    try {
      const url = parse(request.url)
      if (url.pathname === SOCKET_IO_PATH) {
        const refused = gateway.admission.refusedSession(request)
        if (refused) throw refused
        gateway.socketIo.engine.handleUpgrade(request as never, socket, head)
      } else if (url.pathname === '/balance') {
        await openBalance(gateway, url, request, socket, head)
      } else {
        gateway.admission.refused('not_found')
        refuse(socket, 404, 'not_found', 'no WebSocket here: connect to /balance')
      }
    } catch (error) {
      if (error instanceof ApiError) {
        refuse(socket, error.status, error.code, error.message, error.retryAfter)
      } else {
        logger.error({ err: error }, 'an upgrade failed')
        refuse(socket, 500, 'internal', 'the upgrade failed')
      }
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
  const { origin, host, authorization } = request.headers
  if (!gateway.originAllowed(origin, host)) {
    gateway.admission.refused('forbidden')
    throw new ApiError(403, 'forbidden', 'this origin may not connect')
  }
  const query = url.searchParams
  const currency = query.get('currency')
  const presented = { query: query.get('token'), authorization }
  const principal = await gateway.admission.admit(presented, currency, request)
  if (socket.destroyed) {
    gateway.admission.release(principal)
    return
  }
  const lastEventId = query.get('lastEventId')
  gateway.webSocket.upgrade(request, socket, head, { principal, lastEventId, currency })
}

function parse(target = ''): URL {
  if (URL.canParse(target, 'http://localhost')) return new URL(target, 'http://localhost')
  throw new ApiError(400, 'invalid_request', 'that is no address')
}

function refuse(
  socket: Duplex,
  status: number,
  code: ErrorCode,
  message: string,
  retryAfter?: number,
): void {
  const body = JSON.stringify({ code, message })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
    ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
