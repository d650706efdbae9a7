import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** What names the upgrade, or goes with it to the next hop alone. */
const HOP = ['upgrade', 'connection', 'http2-settings']

/** Whether the client wants a WebSocket; others, such as Java's, offer HTTP/2 with every request. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return /(^|,)\s*websocket\s*(,|$)/i.test(headers.upgrade ?? '')
}

/**
 * Whether Node is to make an `upgrade` of it (24.9 and newer ask). With a body that would be a stream behind
 * the body, and not the socket that `withoutUpgrade` needs: then it stays a request.
 */
export function leavesHttp(request: IncomingMessage): boolean {
  const { headers } = request
  const hasBody = 'content-length' in headers || 'transfer-encoding' in headers
  return !hasBody || asksForWebSocket(request)
}

/**
 * Lets an upgrade that is not spoken here be what it is without: a request (RFC 9110, 7.8). Node has taken
 * the socket from its parser by now, so the request goes in again at the front, and its body after it.
 */
export function withoutUpgrade(
  server: Server,
  answers: OpenAnswers,
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
  answers.onceFinished(socket, () => {
    socket.off('error', ignore)
    server.emit('connection', socket)
  })
}

/** Requests that a connection may have waiting for their answers. Proxies and browsers wait for each. */
export const MAX_PIPELINED = 64

/** The answers that are not out yet, of each connection. */
export class OpenAnswers {
  readonly #open = new WeakMap<Duplex, { newest: ServerResponse; count: number }>()

  /** @returns false when it is one too many: a single packet can hold a thousand requests, all due in one turn */
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

  /** A client that does not wait for an answer before it asks again gets the answers in order all the same. */
  onceFinished(socket: Duplex, then: () => void): void {
    const open = this.#open.get(socket)
    if (open) open.newest.once('finish', then)
    else then()
  }
}

function ignore(): void {}
