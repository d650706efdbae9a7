import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'

/** Headers about the upgrade, or about this connection only. */
const HOP_BY_HOP = ['upgrade', 'connection', 'http2-settings']

/** Other clients offer other upgrades: Java's offers HTTP/2 with every request. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return /(^|,)\s*websocket\s*(,|$)/i.test(headers.upgrade ?? '')
}

/**
 * Whether Node should emit `upgrade` for the request; Node 24.9 and newer ask. A request with a body would
 * come with a stream that follows the body, not with the socket that `serveWithoutUpgrade` needs. So it stays
 * a request.
 */
export function shouldUpgrade(request: IncomingMessage): boolean {
  const { headers } = request
  const hasBody = 'content-length' in headers || 'transfer-encoding' in headers
  return !hasBody || asksForWebSocket(request)
}

/**
 * Serves a request that offers an upgrade we do not take, as if it had not offered one (RFC 9110, 7.8). Node
 * has already taken the socket from its parser, so the head is put back in front of what follows, without the
 * offer. The server then parses the connection from the start.
 * @param inTurn calls back when the earlier requests of the connection are answered
 */
export function serveWithoutUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  following: Buffer,
  inTurn: (then: () => void) => void,
): void {
  socket.unshift(Buffer.concat([Buffer.from(headWithoutUpgrade(request), 'latin1'), following]))
  socket.on('error', ignore)
  inTurn(() => {
    socket.off('error', ignore)
    server.emit('connection', socket)
  })
}

function headWithoutUpgrade({
  method,
  url,
  httpVersion,
  rawHeaders,
  headers,
}: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!HOP_BY_HOP.includes(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[i + 1]}`)
  }
  const connection = (headers.connection ?? '').toLowerCase()
  const options = connection.split(',').map((option) => option.trim())
  for (const option of ['close', 'keep-alive']) {
    if (options.includes(option)) lines.push(`Connection: ${option}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

function ignore(): void {}
