import type { IncomingMessage } from 'node:http'
import { Server as Engine, type ServerOptions as EngineOptions } from 'engine.io'
import type { Logger } from 'pino'
import { Server } from 'socket.io'
import { Decoder, Encoder } from 'socket.io-parser'
import { ApiError, type ErrorCode } from '../../lib/api-error.ts'
import { parseStrictJson } from '../../lib/json.ts'
import type { TransportParts } from '../connections/client-messages.ts'
import { HANDSHAKE_TIMEOUT, MAX_MESSAGE } from '../connections/limits.ts'
import { type Frame, NAMESPACE } from '../stream/frame.ts'
import { ErrorReportingSocket, TellingServer } from './error-reporting-socket.ts'
import { admit, serve, type VisitedSocket, visit } from './pending-connection.ts'

type Parts = Pick<TransportParts, 'admission' | 'connections' | 'requests' | 'originAllowed'>

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
class Client extends ErrorReportingSocket {
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

/** Where a packet's JSON begins: its head is a type, a namespace and a number. */
const PAYLOAD = /[[{]/

/** Ends a connection whose packet could be read in two ways, as one that is no packet ends it. */
class StrictDecoder extends Decoder {
  override add(packet: unknown): void {
    if (typeof packet === 'string') {
      const begin = packet.search(PAYLOAD)
      if (begin >= 0) parseStrictJson(packet.slice(begin))
    }
    super.add(packet)
  }
}

export function createSocketIo(parts: Parts, options: SocketIoOptions): SocketIo {
  const { admission } = parts
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
      const rejectRequest = (code: ErrorCode, message: string) => {
        admission.refused(code)
        callback(message, false)
      }
      if (admission.draining) rejectRequest('shutting_down', 'The server is restarting.')
      else if (!parts.originAllowed(origin, host))
        rejectRequest('forbidden', 'This origin may not connect.')
      else callback(null, true)
    },
  }
  const engine = new Engine(engineOptions)
  const connectTimeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT
  const io = new Server({
    connectTimeout,
    serveClient: false,
    parser: { Encoder, Decoder: StrictDecoder },
  })
  // Before Socket.IO's own: what a client sends counts from its first packet on.
  engine.on('connection', (conn: VisitedSocket) => visit(conn, parts))
  io.bind(engine)
  io.use((_socket, next) =>
    next(refusal(new ApiError(404, 'not_found', `Join the namespace ${NAMESPACE}.`))),
  )
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
    error instanceof ApiError ? error : new ApiError(500, 'internal', 'The connection failed.')
  const { code, message, details, retryAfter } = known
  return Object.assign(new Error(message), { data: { code, message, details, retryAfter } })
}
