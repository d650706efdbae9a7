import type { IncomingMessage } from 'node:http'
import { Server as Engine, type ServerOptions as EngineOptions } from 'engine.io'
import type { Logger } from 'pino'
import { Server, type Socket } from 'socket.io'
import type { Principal } from '../auth/principal.ts'
import { ApiError, type ErrorCode } from '../errors.ts'
import type { Allowance } from './allowance.ts'
import type { Connection } from './connection.ts'
import { closeSoon, type EngineSocket, SocketSink } from './engine-socket.ts'
import { type Frame, NAMESPACE } from './frame.ts'
import type { Gateway } from './gateway.ts'
import { HANDSHAKE_TIMEOUT, MAX_MESSAGE } from './limits.ts'
import { TellingServer, TellingSocket } from './telling-socket.ts'

type Parts = Pick<Gateway, 'admission' | 'connections' | 'requests' | 'originAllowed'>

export interface SocketIoOptions {
  logger: Logger
  /** Seconds between Engine.IO's pings. */
  pingEvery: number
  /** Milliseconds that a client has to join the namespace. Default 10 s. */
  handshakeTimeout?: number | undefined
}

/** Socket.IO at `/socket.io/`, namespace `/balance`. `engine` takes the requests and upgrades of that path. */
export interface SocketIo {
  readonly io: Server
  readonly engine: Engine
}

/** Speaks Engine.IO: an event is a text frame that begins with 4. */
class Client extends TellingSocket {
  override tell(frame: Frame): void {
    this.send(`4${frame.socketIo.packet}`)
  }
}

/** Made by Engine.IO, with options that are ours. */
class ClientServer extends TellingServer<typeof Client> {
  constructor() {
    super(Client)
  }
}

export function createSocketIo(parts: Parts, options: SocketIoOptions): SocketIo {
  const { admission, connections } = parts
  const engineOptions: EngineOptions = {
    pingInterval: options.pingEvery * 1000,
    maxHttpBufferSize: MAX_MESSAGE,
    wsEngine: ClientServer as never,
    httpCompression: false,
    cors: (request, callback) => {
      const { origin, host } = (request as IncomingMessage).headers
      callback(null, { origin: parts.originAllowed(origin, host) ? (origin ?? false) : false })
    },
    allowRequest: (request, callback) => {
      const { origin, host } = request.headers
      const turnAway = (code: ErrorCode, message: string) => {
        admission.refused(code)
        callback(message, false)
      }
      if (admission.draining) turnAway('shutting_down', 'the server is restarting')
      else if (!parts.originAllowed(origin, host))
        turnAway('forbidden', 'this origin may not connect')
      else callback(null, true)
    },
  }
  const engine = new Engine(engineOptions)
  const connectTimeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT
  const io = new Server({ connectTimeout, serveClient: false })
  // Before Socket.IO's own: what a client sends counts from its first packet on.
  engine.on('connection', (conn: VisitedSocket) => {
    conn[VISITOR] = new Visitor(parts, connections.allowance())
    conn.on('packet', onPacket)
  })
  io.bind(engine)
  io.use((_socket, next) => next(refusal(new ApiError(404, 'not_found', `join ${NAMESPACE}`))))
  const namespace = io.of(NAMESPACE)
  namespace.use((socket, next) => {
    admit(socket, parts).then(
      () => next(),
      (error) => {
        if (!(error instanceof ApiError))
          options.logger.error({ err: error }, 'a connection failed')
        next(refusal(error))
      },
    )
  })
  namespace.on('connection', (socket) => serve(socket, parts))
  return { io, engine }
}

/** What `connect_error` carries: the code in `data.code`. */
function refusal(error: unknown): Error {
  const known =
    error instanceof ApiError ? error : new ApiError(500, 'internal', 'the connection failed')
  const { code, message, details, retryAfter } = known
  return Object.assign(new Error(message), { data: { code, message, details, retryAfter } })
}

async function admit(socket: Socket, { admission }: Parts): Promise<void> {
  const conn = socket.conn as unknown as VisitedSocket
  const visitor = conn[VISITOR]
  if (visitor.isTaken) throw new ApiError(409, 'conflict', 'one connection is one stream')
  visitor.isTaken = true
  const { auth, headers } = socket.handshake
  const query = new URL(socket.handshake.url, 'http://localhost').searchParams
  const currency = textOf(auth.currency) ?? query.get('currency') ?? undefined
  const presented = {
    token: auth.token,
    query: query.get('token'),
    authorization: headers.authorization,
  }
  let principal: Principal
  try {
    principal = await admission.admit(presented, currency, socket.request)
  } catch (error) {
    visitor.isTaken = false
    throw error
  }
  // A client that leaves before it is served has no `disconnect` event.
  const abandoned = () => admission.release(principal)
  if (conn.readyState === 'open') conn.once('close', abandoned)
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

const VISITOR = Symbol('visitor')

/** What an Engine.IO connection carries: its listeners are shared by all, and find it here. */
class Visitor {
  readonly parts: Parts
  readonly allowance: Allowance
  /** Whether it has joined the namespace, or is about to. */
  isTaken = false
  connection: Connection | undefined

  constructor(parts: Parts, allowance: Allowance) {
    this.parts = parts
    this.allowance = allowance
  }
}

interface VisitedSocket extends EngineSocket {
  [VISITOR]: Visitor
}

function serve(socket: Socket, { connections }: Parts): void {
  const { principal, currency, lastEventId, abandoned } = socket.data as Admitted
  const conn = socket.conn as unknown as VisitedSocket
  conn.off('close', abandoned)
  const visitor = conn[VISITOR]
  visitor.connection = connections.open(new SocketSink(conn), {
    principal,
    transport: 'socket.io',
    clientId: socket.id,
    lastEventId,
    currency,
  })
  socket.data = visitor
  // As Socket.IO's manual advises: it would keep the first request, with its token, as long as the connection.
  conn.request = null
  Object.assign(socket, { handshake: null })
  socket.on('disconnect', onDisconnect)
  socket.onAny(onEvent)
}

/** Whoever leaves the namespace has no use for the connection, which would count for nobody. */
function onDisconnect(this: Socket): void {
  const { connection, parts } = this.data as Visitor
  if (connection) parts.connections.closed(connection)
  closeSoon(this.conn as unknown as EngineSocket)
}

/** Counts whatever the client sends, also before it said who it is. */
function onPacket(this: VisitedSocket): void {
  const { allowance, connection, parts } = this[VISITOR]
  if (connection) parts.connections.allows(connection, allowance)
  else if (!allowance.take()) this.close(true)
}

/** Answers by an event of its own, and also the callback, where the client gave one. */
async function onEvent(this: Socket, event: unknown, ...args: unknown[]): Promise<void> {
  const { connection, parts } = this.data as Visitor
  if (!connection) return
  const frame = await parts.requests.answer(connection, event, args[0])
  parts.connections.reply(connection, frame)
  const callback = args.at(-1)
  if (typeof callback === 'function') callback(frame.payload)
}
