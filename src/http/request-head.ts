import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { ApiError } from '../lib/api-error.ts'

/**
 * Headers that a request may have only once. If they repeat, Node keeps the first of some and joins others by
 * a comma. Two keys would become a third one, and a proxy may have checked the other token.
 */
const SINGLE: ReadonlySet<string> = new Set([
  ...['host', 'origin', 'authorization', 'content-type', 'content-encoding'],
  ...['idempotency-key', 'last-event-id'],
])

const LENGTHS: ReadonlySet<number> = new Set([...SINGLE].map((name) => name.length))

/** The error for a request whose head is not acceptable, whether it is an upgrade or not. */
export function headError({ rawHeaders, url = '' }: IncomingMessage): ApiError | undefined {
  const header = repeatedHeader(rawHeaders)
  if (header !== undefined) return malformed(`The request has more than one ${header} header.`)
  if (url.includes('%') && !isEncoded(url)) {
    return malformed('The request target is not percent-encoded UTF-8.')
  }
  if (repeatsParameter(url)) return malformed('The query has a parameter more than once.')
  return undefined
}

function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  const seen: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const given = rawHeaders[i] ?? ''
    if (!LENGTHS.has(given.length)) continue
    const name = given.toLowerCase()
    if (seen.includes(name)) return name
    if (SINGLE.has(name)) seen.push(name)
  }
  return undefined
}

function isEncoded(url: string): boolean {
  try {
    decodeURIComponent(url)
    return true
  } catch {
    return false
  }
}

function repeatsParameter(url: string): boolean {
  const query = url.indexOf('?')
  if (query < 0 || !url.includes('&', query)) return false
  const names = [...new URLSearchParams(url.slice(query)).keys()]
  return new Set(names).size < names.length
}

const malformed = (message: string) => new ApiError(400, 'invalid_request', message)

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
 */
export function serveWithoutUpgrade(
  server: Server,
  openAnswers: OpenAnswers,
  request: IncomingMessage,
  socket: Duplex,
  following: Buffer,
): void {
  socket.unshift(Buffer.concat([Buffer.from(headWithoutUpgrade(request), 'latin1'), following]))
  socket.on('error', ignore)
  openAnswers.onceFinished(socket, () => {
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

/** Requests of one connection that may wait for their answers. Proxies and browsers wait for each answer. */
export const MAX_PIPELINED = 64

/** The unfinished answers of each connection. */
export class OpenAnswers {
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

function ignore(): void {}
