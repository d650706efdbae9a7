import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** What names the upgrade, or goes with it to the next hop alone. */
const HOP = ['upgrade', 'connection', 'http2-settings']

/** Whether the client wants a WebSocket; others, such as Java's, offer HTTP/2 with every request. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return /(^|,)\s*websocket\s*(,|$)/i.test(headers.upgrade ?? '')
}

/**
 * Lets an upgrade that is not spoken here be what it is without: a request (RFC 9110, 7.8). Node has taken
 * the socket from its parser by now, so the request goes in again at the front, and its body after it.
 */
export function withoutUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!HOP.includes(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[i + 1]}`)
  }
  const connection = (request.headers.connection ?? '').toLowerCase()
  const options = connection.split(',').map((option) => option.trim())
  for (const option of ['close', 'keep-alive']) {
    if (options.includes(option)) lines.push(`Connection: ${option}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  socket.on('error', ignore)
  onceAnswered(socket, () => {
    socket.off('error', ignore)
    server.emit('connection', socket)
  })
}

/** Those who do not wait for an answer before they ask again get them in order all the same. */
function onceAnswered(socket: Duplex & { _httpMessage?: ServerResponse | null }, then: () => void) {
  const answer = socket._httpMessage
  if (answer) answer.once('finish', () => onceAnswered(socket, then))
  else then()
}

function ignore(): void {}
