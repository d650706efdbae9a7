import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import type { Principal } from '../../auth/principal.ts'
import { ApiError } from '../../lib/api-error.ts'
import { originIn } from '../../rate-limit/client-address.ts'
import type { TransportParts } from '../connections/client-messages.ts'
import type { Feed, Opening, TransportSink } from '../connections/connections.ts'
import { paceOf, parametersOf } from '../connections/handshake.ts'
import { CLOSE_TIMEOUT_MS, MAX_MESSAGE_BYTES } from '../connections/limits.ts'
import { type AdminStreams, adminFilterOf, isOfSystemOnly } from '../stream/admin-streams.ts'
import {
  type Bytes,
  chunk,
  corkForTurn,
  type Frame,
  flushCorked,
  writeCorked,
} from '../stream/frame.ts'
import { BEAT, RETRY, streamed } from './sse-web.ts'

const RETRY_CHUNK = chunk(RETRY)
const BEAT_CHUNK = chunk(BEAT)

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

/**
 * `close()` ends the connection too. Deno's `node:http` does so late, and a client could send its next request on it.
 * Elsewhere the header would do harm: with it, Node's `fetch` takes a connection that broke for the end of the stream.
 */
const CLOSING = 'Deno' in globalThis ? { Connection: 'close' } : {}

type Parts = Pick<TransportParts, 'admission' | 'connections' | 'refusedOrigin'>

/** The app puts the headers that every answer has on the context. */
type Env = { Variables: { headers: Record<string, string> } }

/** `/stream`: the events as a `text/event-stream`. Errors before it begins are thrown for the app's `onError`. */
export function eventStreams(parts: Parts) {
  return new Hono<Env>().get('/stream', (c) => openStream(c, parts))
}

/** `/stream` of a service: what happens to the holds that it opened. */
export function serviceStreams(parts: Parts & { services: Feed }) {
  const { services: feed } = parts
  return new Hono<Env>().get('/stream', (c) =>
    openStream(c, parts, { role: 'service', admits: isService, feed }),
  )
}

/**
 * `/stream` of an admin: the events of all users of the tenant, what waits for a decision, and the state of the system,
 * which operators may also have.
 */
export function adminStreams(parts: Parts & { admins: AdminStreams }) {
  return new Hono<Env>().get('/stream', (c) => {
    const { events, userId, type } = c.req.query()
    const filter = adminFilterOf({ events, userId, type })
    const feed = parts.admins.feed(filter)
    const admits = (principal: Principal) =>
      principal.isAdmin || (principal.isOperator === true && isOfSystemOnly(filter))
    return openStream(c, parts, { role: 'admin', admits, feed })
  })
}

const isService = (principal: Principal) => principal.isService

/** A stream that is not the caller's own. */
interface Special {
  /** For whom it is. */
  role: 'service' | 'admin'
  admits(principal: Principal): boolean
  feed: Feed
}

async function openStream(c: Context<Env>, parts: Parts, special?: Special): Promise<Response> {
  const refused = parts.refusedOrigin(c.req.header('origin'), c.req.header('host'))
  if (refused) throw refused
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  const asked = parametersOf((name) => c.req.query(name))
  const principal = await parts.admission.admit(
    { authorization: c.req.header('authorization'), query: c.req.query('token') },
    asked,
    originIn(c.env),
    special?.role,
  )
  if (special?.admits(principal) === false) {
    parts.admission.release(principal)
    parts.admission.countRefusal('forbidden')
    throw new ApiError(403, 'forbidden', `This stream requires the role ${special.role}.`)
  }
  const opening = {
    principal,
    transport: 'sse',
    clientId: randomUUID(),
    lastEventId: c.req.header('last-event-id') ?? c.req.query('lastEventId'),
    currency: asked.currency ?? undefined,
    pace: paceOf(asked),
    feed: special?.feed,
  } as const
  const headers = { ...c.var.headers, ...HEADERS }
  if (!outgoing) return streamed(c.req.raw, headers, parts, opening)
  return written(outgoing, headers, parts, opening)
}

/** Writes straight to Node's response: that takes a third of the memory, and the queue is visible. */
function written(
  outgoing: ServerResponse,
  headers: Record<string, string>,
  { admission, connections }: Parts,
  opening: Opening,
): Response {
  // The client left, was answered with 503 because this took too long, or asked only for the headers.
  if (outgoing.destroyed || outgoing.headersSent || outgoing.req.method === 'HEAD') {
    admission.release(opening.principal)
    return new Response(null, { headers })
  }
  // Set here, because otherwise Node decides whether the response is chunked.
  const isChunked = outgoing.req.httpVersion === '1.1'
  outgoing.writeHead(200, {
    ...headers,
    ...CLOSING,
    ...(isChunked && { 'Transfer-Encoding': 'chunked' }),
  })
  const sink = new ResponseSink(outgoing, isChunked)
  sink.begin()
  forgetRequest(outgoing)
  const connection = connections.open(sink, opening)
  outgoing.on('error', destroy)
  outgoing.on('close', () => connections.closed(connection))
  return RESPONSE_ALREADY_SENT
}

/**
 * A stream outlives its request by hours. Node keeps the request, with the token in its URL, as long as the
 * response. The adapter keeps its own request for a signal that nothing waits for. Together that is more than
 * a kilobyte for each browser.
 */
function forgetRequest(outgoing: ServerResponse): void {
  const { req } = outgoing
  req.url = ''
  req.rawHeaders = []
  outgoing.removeAllListeners('close')
}

function destroy(this: ServerResponse | Socket): void {
  this.destroy()
}

class ResponseSink implements TransportSink {
  readonly #outgoing: ServerResponse
  /**
   * If the response is chunked, encoded chunks bypass it and go to its socket: one write instead of three,
   * of a buffer that all connections of the frame share.
   */
  #socket: Socket | null

  constructor(outgoing: ServerResponse, isChunked: boolean) {
    this.#outgoing = outgoing
    this.#socket = isChunked ? outgoing.socket : null
  }

  /** Sends the head before anything bypasses the response: Node 26 holds it back until the end of the turn. */
  begin(): void {
    if (this.#socket) corkForTurn(this.#socket)
    this.#outgoing.flushHeaders()
    this.#send(RETRY, RETRY_CHUNK)
  }

  write(frame: Frame): void {
    if (this.#socket) writeCorked(this.#socket, frame.sseChunk)
    else if (!this.#outgoing.writableEnded) this.#outgoing.write(frame.sse)
  }

  queuedBytes(): number {
    return (this.#socket ?? this.#outgoing).writableLength
  }

  beat(): void {
    this.#send(BEAT, BEAT_CHUNK)
  }

  #send(text: string, whole: Bytes): void {
    if (this.#socket) writeCorked(this.#socket, whole)
    else if (!this.#outgoing.writableEnded) this.#outgoing.write(text)
  }

  close(): void {
    const { socket } = this.#outgoing
    if (this.#socket) flushCorked(this.#socket)
    this.#socket = null
    this.#outgoing.end()
    // A long queue is dropped, because the client does not read. A short one has a timeout.
    if (this.#outgoing.writableLength > MAX_MESSAGE_BYTES) return void socket?.destroy()
    socket?.end()
    socket?.setTimeout(CLOSE_TIMEOUT_MS, destroy)
  }
}
