import type { IncomingMessage } from 'node:http'
import { Server as Engine, type ServerOptions as EngineOptions } from 'engine.io'
import type { Logger } from 'pino'
import { Server } from 'socket.io'
import { Decoder, Encoder } from 'socket.io-parser'
import { ApiError } from '../../lib/api-error.ts'
import { parseStrictJson } from '../../lib/json.ts'
import type { TransportParts } from '../connections/client-messages.ts'
import { HANDSHAKE_TIMEOUT_MS, MAX_MESSAGE_BYTES } from '../connections/limits.ts'
import { type Frame, NAMESPACE } from '../stream/frame.ts'
import { ErrorReportingServer, ErrorReportingSocket } from './error-reporting-socket.ts'
import {
  accept,
  admit,
  closeUnlessJoined,
  type EngineSocket,
  forgetHandshake,
  serve,
} from './socketio-connection.ts'

type Parts = Pick<TransportParts, 'admission' | 'connections' | 'requests' | 'originAllowed'>

export interface SocketIoOptions {
  logger: Logger
  /** Seconds between the pings of Engine.IO. */
  pingSeconds: number
  /** A client must join the namespace within this time. Default 10 s. */
  handshakeTimeoutMs?: number | undefined
  /** Makes the id of a session, from a random text. Default: the text itself. */
  sessionId?: ((random: string) => string) | undefined
}

/** Socket.IO at `/socket.io/`, namespace `/balance`. `engine` handles the requests and upgrades of that path. */
export interface SocketIo {
  readonly io: Server
  readonly engine: Engine
}

/** In Engine.IO's protocol an event is a text frame that begins with 4. */
class Client extends ErrorReportingSocket {
  override report(frame: Frame): void {
    this.send(`4${frame.socketIo.packet}`)
  }
}

/** Constructed by Engine.IO, but with our options. */
class ClientServer extends ErrorReportingServer<typeof Client> {
  constructor() {
    super(Client)
  }
}

/** Finds the JSON of a packet, which follows a type, a namespace and a number. */
const PAYLOAD_START = /[[{]/

/** Rejects packets whose JSON is ambiguous. As with any invalid packet, that closes the connection. */
class StrictDecoder extends Decoder {
  override add(packet: unknown): void {
    if (typeof packet === 'string') {
      const begin = packet.search(PAYLOAD_START)
      if (begin >= 0) parseStrictJson(packet.slice(begin))
    }
    super.add(packet)
  }
}

export function createSocketIo(parts: Parts, options: SocketIoOptions): SocketIo {
  const { admission } = parts
  const engineOptions: EngineOptions = {
    // The protocol of Socket.IO 2.
    allowEIO3: true,
    pingInterval: options.pingSeconds * 1000,
    maxHttpBufferSize: MAX_MESSAGE_BYTES,
    wsEngine: ClientServer as never,
    httpCompression: false,
    cors: (request, callback) => {
      const { origin, host } = (request as IncomingMessage).headers
      callback(null, { origin: parts.originAllowed(origin, host) ? (origin ?? false) : false })
    },
    allowRequest: (_request, callback) => {
      if (!admission.draining) return callback(null, true)
      admission.countRefusal('shutting_down')
      callback('The server is restarting.', false)
    },
  }
  const engine = new Engine(engineOptions)
  const { sessionId } = options
  if (sessionId) {
    const random = engine.generateId.bind(engine)
    engine.generateId = async (request) => sessionId(await random(request))
  }
  const connectTimeout = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS
  const io = new Server({
    connectTimeout,
    serveClient: false,
    parser: { Encoder, Decoder: StrictDecoder },
  })
  // Added before Socket.IO's own listener, so that messages count from the first packet on.
  engine.on('connection', (socket: EngineSocket) => accept(socket, parts))
  io.bind(engine)
  io.use((socket, next) => {
    if (socket.conn.protocol !== 3) {
      return next(refusal(new ApiError(404, 'not_found', `Join the namespace ${NAMESPACE}.`)))
    }
    // Version 2 is in the root before it can join a namespace, and that ends Socket.IO's own timeout.
    closeUnlessJoined(socket, connectTimeout)
    next()
  })
  io.on('connection', forgetHandshake)
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

/** The error of `connect_error`, with the code in `data.code`. */
function refusal(error: unknown): Error {
  const known =
    error instanceof ApiError ? error : new ApiError(500, 'internal', 'The connection failed.')
  const { code, message, details, retryAfter } = known
  return Object.assign(new Error(message), { data: { code, message, details, retryAfter } })
}
