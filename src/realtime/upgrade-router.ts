import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { ApiError, type ErrorCode } from '../errors.ts'
import type { Gateway } from './gateway.ts'
import { HANDSHAKE_TIMEOUT } from './socketio.ts'

export const SOCKET_IO_PATH = '/socket.io/'

/**
 * The one place where an upgrade is decided: path, origin, token, then the handshake. Whoever is refused
 * gets an HTTP answer at once, and a closed socket.
 */
export function createUpgradeRouter(gateway: Gateway, logger: Logger) {
  return async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    try {
      const url = new URL(request.url ?? '/', 'http://localhost')
      if (url.pathname === SOCKET_IO_PATH) {
        gateway.socketIo.engine.handleUpgrade(request as never, socket, head)
      } else if (url.pathname === '/balance') {
        await openBalance(gateway, url, request, socket, head)
      } else {
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
    throw new ApiError(403, 'forbidden', 'this origin may not connect')
  }
  const query = url.searchParams
  const currency = query.get('currency')
  const presented = { query: query.get('token'), authorization }
  const admitted = gateway.connections.admit(presented, currency)
  const principal = await withinHandshake(admitted).catch((error) => {
    // Whoever is let in after all gives the place back.
    admitted.then(
      (late) => gateway.connections.release(late),
      () => {},
    )
    throw error
  })
  if (socket.destroyed) {
    gateway.connections.release(principal)
    return
  }
  const lastEventId = query.get('lastEventId')
  gateway.webSocket.upgrade(request, socket, head, { principal, lastEventId, currency })
}

async function withinHandshake<T>(admitted: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = 'checking the token took too long'
    timer = setTimeout(
      () => reject(new ApiError(503, 'handshake_timeout', message, { retryAfter: 1 })),
      HANDSHAKE_TIMEOUT,
    )
  })
  try {
    return await Promise.race([admitted, late])
  } finally {
    clearTimeout(timer)
  }
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
