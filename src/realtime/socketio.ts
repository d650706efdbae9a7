import { Server as Engine, type ServerOptions as EngineOptions } from 'engine.io'
import type { Logger } from 'pino'
import { Server, type Socket } from 'socket.io'
import type { WebSocket } from 'ws'
import type { Principal } from '../auth/principal.ts'
import { ApiError } from '../errors.ts'
import type { Connection, TransportSink } from './connection.ts'
import type { Connections } from './connections.ts'
import { type Frame, NAMESPACE, type SocketIoFrame } from './frame.ts'

/** Bytes of the largest message that a client may send, on every transport. */
export const MAX_MESSAGE = 16 * 1024

/** Milliseconds that a client has to say who it is. */
export const HANDSHAKE_TIMEOUT = 10_000

export interface SocketIoOptions {
  connections: Connections
  logger: Logger
  /** Seconds between Engine.IO's pings. */
  pingEvery: number
  /** Whether a page of this origin may connect. */
  originAllowed(origin: string | undefined, host: string | undefined): boolean
}

/** Socket.IO at `/socket.io/`, namespace `/balance`. `engine` takes the requests and upgrades of that path. */
export interface SocketIo {
  readonly io: Server
  readonly engine: Engine
}

export function createSocketIo(options: SocketIoOptions): SocketIo {
  const { connections, logger, originAllowed } = options
  const engineOptions: EngineOptions = {
    pingInterval: options.pingEvery * 1000,
    maxHttpBufferSize: MAX_MESSAGE,
    // Deflate made a connection cost 233 KB.
    perMessageDeflate: false,
    httpCompression: false,
    cors: (request, callback) => {
      const { origin, host } = (request as { headers: Record<string, string | undefined> }).headers
      callback(null, { origin: originAllowed(origin, host) ? (origin ?? false) : false })
    },
    allowRequest: (request, callback) => {
      const { origin, host } = request.headers
      if (connections.draining) callback('the server is restarting', false)
      else if (!originAllowed(origin, host)) callback('this origin may not connect', false)
      else callback(null, true)
    },
  }
  const engine = new Engine(engineOptions)
  const io = new Server({ connectTimeout: HANDSHAKE_TIMEOUT, serveClient: false })
  io.bind(engine)
  io.use((_socket, next) => next(refusal(new ApiError(404, 'not_found', `join ${NAMESPACE}`))))
  const namespace = io.of(NAMESPACE)
  namespace.use((socket, next) => {
    admit(socket, connections).then(
      () => next(),
      (error) => {
        if (!(error instanceof ApiError)) logger.error({ err: error }, 'a connection failed')
        next(refusal(error))
      },
    )
  })
  namespace.on('connection', (socket) => serve(socket, connections))
  return { io, engine }
}

/** What `connect_error` carries: the code in `data.code`. */
function refusal(error: unknown): Error {
  const known =
    error instanceof ApiError ? error : new ApiError(500, 'internal', 'the connection failed')
  const { code, message, details, retryAfter } = known
  return Object.assign(new Error(message), { data: { code, message, details, retryAfter } })
}

async function admit(socket: Socket, connections: Connections): Promise<void> {
  const { auth, headers } = socket.handshake
  const query = new URL(socket.handshake.url, 'http://localhost').searchParams
  const currency = textOf(auth.currency) ?? query.get('currency') ?? undefined
  const presented = {
    token: auth.token,
    query: query.get('token'),
    authorization: headers.authorization,
  }
  const principal = await connections.admit(presented, currency)
  // A client that leaves before it is served has no `disconnect` event.
  const abandoned = () => connections.release(principal)
  if (socket.conn.readyState === 'open') socket.conn.once('close', abandoned)
  else abandoned()
  const lastEventId = textOf(auth.lastEventId) ?? query.get('lastEventId') ?? undefined
  socket.data = { principal, currency, lastEventId, abandoned } satisfies Admitted
}

interface Admitted {
  principal: Principal
  currency: string | undefined
  lastEventId: string | undefined
  abandoned(): void
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** What a served socket carries: its listeners are shared by all, and find it here. */
interface Served {
  connection: Connection
  connections: Connections
}

const SERVED = Symbol('served')

function serve(socket: Socket, connections: Connections): void {
  const { principal, currency, lastEventId, abandoned } = socket.data as Admitted
  socket.conn.off('close', abandoned)
  const connection = connections.open(new SocketSink(socket), {
    principal,
    transport: 'socket.io',
    clientId: socket.id,
    lastEventId,
    currency,
  })
  const served: Served = { connection, connections }
  socket.data = served
  Object.assign(socket.conn, { [SERVED]: served })
  socket.on('disconnect', onDisconnect)
  socket.onAny(onEvent)
  socket.conn.on('packet', onPacket)
}

function onDisconnect(this: Socket): void {
  const { connection, connections } = this.data as Served
  connections.closed(connection)
}

/** Counts whatever the client sends, for any namespace. */
function onPacket(this: { [SERVED]?: Served }, packet: { type: string }): void {
  const served = this[SERVED]
  if (served && packet.type === 'message') served.connections.allowMessage(served.connection)
}

/** Answers by an event of its own, and also the callback, where the client gave one. */
async function onEvent(this: Socket, event: string, ...args: unknown[]): Promise<void> {
  const { connection, connections } = this.data as Served
  const frame = await reply(event, args[0], connection, connections)
  if (!frame) return
  connection.sink.write(frame)
  const callback = args.at(-1)
  if (typeof callback === 'function') callback(frame.payload)
}

async function reply(
  event: string,
  argument: unknown,
  connection: Connection,
  connections: Connections,
): Promise<Frame | undefined> {
  switch (event) {
    case 'subscribe_balance':
      return connections.subscribed(connection)
    case 'get_current_balance':
      return await connections.currentBalance(connection)
    case 'authenticate':
      return await connections.authenticate(connection, tokenIn(argument))
    default:
      return undefined
  }
}

/** `authenticate` takes the token, or an object that holds it. */
export function tokenIn(argument: unknown): unknown {
  if (typeof argument === 'object' && argument !== null && 'token' in argument) {
    return argument.token
  }
  return argument
}

/** Engine.IO's types leave out what Socket.IO's own adapter uses: its queue, and frames made beforehand. */
interface EngineSocket {
  readyState: string
  writeBuffer: unknown[]
  transport: { socket?: WebSocket }
  write(data: string, options: SocketIoFrame['options']): void
  close(discard?: boolean): void
}

class SocketSink implements TransportSink {
  readonly #engine: EngineSocket
  /** Bytes handed to Engine.IO since its queue was last empty. */
  #queued = 0

  constructor(socket: Socket) {
    this.#engine = socket.conn as unknown as EngineSocket
  }

  write(frame: Frame): void {
    const { packet, bytes, options } = frame.socketIo
    if (this.#engine.writeBuffer.length === 0) this.#queued = 0
    this.#queued += bytes
    this.#engine.write(packet, options)
  }

  queuedBytes(): number {
    if (this.#engine.writeBuffer.length === 0) this.#queued = 0
    return this.#queued + (this.#engine.transport.socket?.bufferedAmount ?? 0)
  }

  /** Engine.IO has its own ping, every 25 s. */
  beat(): void {}

  /** Closed underneath: after `socket.disconnect()` the client would not connect again. */
  close(): void {
    this.#engine.close(this.queuedBytes() > MAX_MESSAGE)
  }
}
