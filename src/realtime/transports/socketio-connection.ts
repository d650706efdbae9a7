import type { Socket } from 'socket.io'
import type { Principal } from '../../auth/principal.ts'
import { ApiError } from '../../lib/api-error.ts'
import type { TransportParts } from '../connections/client-messages.ts'
import type { Connection, TransportSink } from '../connections/connections.ts'
import { paceOf, parametersOf } from '../connections/handshake.ts'
import { CLOSE_TIMEOUT_MS, MAX_MESSAGE_BYTES, type TokenBucket } from '../connections/limits.ts'
import type { Frame, SocketIoFrame } from '../stream/frame.ts'
import type { AskedPace } from '../stream/pace.ts'

type Parts = Pick<TransportParts, 'admission' | 'connections' | 'requests'>

const PENDING = Symbol('pending')

/** The state of an Engine.IO connection. All connections share their listeners, which find the state here. */
class PendingConnection {
  readonly parts: Parts
  readonly bucket: TokenBucket
  /** Whether it has joined the namespace, or is joining it. */
  isTaken = false
  connection: Connection | undefined

  constructor(parts: Parts, bucket: TokenBucket) {
    this.parts = parts
    this.bucket = bucket
  }
}

/** The types of Engine.IO leave out its queue and its pre-encoded frames, which Socket.IO's own adapter uses. */
export interface EngineSocket {
  [PENDING]: PendingConnection
  request: unknown
  readyState: 'opening' | 'open' | 'closing' | 'closed'
  writeBuffer: unknown[]
  transport: {
    socket?: { bufferedAmount: number; terminate(): void }
    /** Milliseconds that long polling waits for the poll that takes the last bytes. */
    closeTimeout?: number
  }
  write(data: string, options: SocketIoFrame['options']): void
  close(discard?: boolean): void
  on(event: 'packet', listener: () => void): void
  once(event: 'close', listener: () => void): void
  off(event: 'close', listener: () => void): void
}

const engineOf = (socket: Socket) => socket.conn as unknown as EngineSocket

/** A new Engine.IO connection, whose client has not authenticated yet. */
export function accept(engine: EngineSocket, parts: Parts): void {
  engine[PENDING] = new PendingConnection(parts, parts.connections.messageBucket())
  engine.on('packet', onPacket)
}

/**
 * Checks the credentials of a client that joins the namespace.
 * @throws ApiError
 */
export async function admit(socket: Socket, { admission }: Parts): Promise<void> {
  const engine = engineOf(socket)
  const pending = engine[PENDING]
  if (pending.isTaken) throw new ApiError(409, 'conflict', 'This connection already has a stream.')
  pending.isTaken = true
  const { auth, headers } = socket.handshake
  const query = new URL(socket.handshake.url, 'http://localhost').searchParams
  const asked = parametersOf((name) => textOf(auth[name]) ?? query.get(name))
  const presented = {
    token: auth.token,
    query: query.get('token'),
    authorization: headers.authorization,
  }
  let principal: Principal
  try {
    principal = await admission.admit(presented, asked, socket.request)
  } catch (error) {
    pending.isTaken = false
    throw error
  }
  // A client that leaves before it is served has no `disconnect` event.
  const abandoned = () => admission.release(principal)
  if (engine.readyState === 'open') engine.once('close', abandoned)
  else abandoned()
  const lastEventId = textOf(auth.lastEventId) ?? query.get('lastEventId') ?? undefined
  const currency = asked.currency ?? undefined
  const pace = paceOf(asked)
  socket.data = { principal, currency, lastEventId, pace, abandoned } satisfies Admitted
}

interface Admitted {
  principal: Principal
  currency: string | undefined
  lastEventId: string | undefined
  pace: AskedPace | undefined
  abandoned(): void
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Closes a connection that has not joined the namespace in time. */
export function closeUnlessJoined(socket: Socket, timeoutMs: number): void {
  const engine = engineOf(socket)
  const timer = setTimeout(() => {
    if (!engine[PENDING].connection) engine.close(true)
  }, timeoutMs)
  timer.unref()
  engine.once('close', () => clearTimeout(timer))
}

/** The client joined the namespace: its stream begins. */
export function serve(socket: Socket, { connections }: Parts): void {
  const { principal, currency, lastEventId, pace, abandoned } = socket.data as Admitted
  const engine = engineOf(socket)
  engine.off('close', abandoned)
  const pending = engine[PENDING]
  pending.connection = connections.open(new SocketIoSink(engine), {
    principal,
    transport: 'socket.io',
    clientId: socket.id,
    lastEventId,
    currency,
    pace,
  })
  socket.data = pending
  // As Socket.IO's manual advises: otherwise it keeps the first request, with its token, as long as the connection.
  engine.request = null
  forgetHandshake(socket)
  socket.on('disconnect', onDisconnect)
  socket.onAny(onEvent)
}

/** It has the token. */
export function forgetHandshake(socket: Socket): void {
  Object.assign(socket, { handshake: null })
}

/** Outside the namespace a connection has no use, and no limit would count it. */
function onDisconnect(this: Socket): void {
  const { connection, parts } = this.data as PendingConnection
  if (connection) parts.connections.closed(connection)
  closeSoon(engineOf(this))
}

/** Counts every packet of the client, also before it has authenticated. */
function onPacket(this: EngineSocket): void {
  const { bucket, connection, parts } = this[PENDING]
  if (connection) parts.connections.countMessage(connection, bucket)
  else if (!bucket.take()) this.close(true)
}

/** Answers by an event, and also by the callback if the client gave one. */
async function onEvent(this: Socket, event: unknown, ...args: unknown[]): Promise<void> {
  const { connection, parts } = this.data as PendingConnection
  if (!connection) return
  const frame = await parts.requests.answer(connection, event, args[0])
  parts.connections.reply(connection, frame)
  const callback = args.at(-1)
  if (typeof callback === 'function') callback(frame.payload)
}

/** Socket.IO's end of a connection. */
class SocketIoSink implements TransportSink {
  readonly #engine: EngineSocket
  /** Bytes handed to Engine.IO since its queue was last empty. */
  #queued = 0

  constructor(engine: EngineSocket) {
    this.#engine = engine
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

  /** Engine.IO sends its own ping every 25 s. */
  beat(): void {}

  /** Closes the connection below the socket: after `socket.disconnect()` the client would not connect again. */
  close(): void {
    if (this.queuedBytes() > MAX_MESSAGE_BYTES) this.#engine.close(true)
    else closeSoon(this.#engine)
  }
}

/**
 * Closes as soon as the client took the last bytes, and after `CLOSE_TIMEOUT_MS` at the latest. Engine.IO
 * itself would wait for a client that does not read until its ping times out: 45 s.
 */
function closeSoon(engine: EngineSocket): void {
  const wasOpen = engine.readyState === 'open'
  // A WebSocket has its own timeout and ignores this one.
  engine.transport.closeTimeout = CLOSE_TIMEOUT_MS
  engine.close()
  if (!wasOpen || engine.readyState === 'closed') return
  const timer = setTimeout(() => terminate(engine), CLOSE_TIMEOUT_MS)
  timer.unref()
  engine.once('close', () => clearTimeout(timer))
}

function terminate(engine: EngineSocket): void {
  const { socket } = engine.transport
  if (socket) socket.terminate()
  else engine.close(true)
}
