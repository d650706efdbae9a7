import type { Socket } from 'socket.io'
import type { Principal } from '../../auth/principal.ts'
import { ApiError } from '../../lib/api-error.ts'
import type { TransportParts } from '../connections/client-messages.ts'
import type { Connection } from '../connections/connection.ts'
import type { TokenBucket } from '../connections/token-bucket.ts'
import { closeSoon, type EngineSocket, SocketSink } from './engine-socket.ts'

type Parts = Pick<TransportParts, 'admission' | 'connections' | 'requests'>

const VISITOR = Symbol('visitor')

/** What an Engine.IO connection carries: its listeners are shared by all, and find it here. */
class PendingConnection {
  readonly parts: Parts
  readonly allowance: TokenBucket
  /** Whether it has joined the namespace, or is about to. */
  isTaken = false
  connection: Connection | undefined

  constructor(parts: Parts, allowance: TokenBucket) {
    this.parts = parts
    this.allowance = allowance
  }
}

export interface VisitedSocket extends EngineSocket {
  [VISITOR]: PendingConnection
}

/** An Engine.IO connection that nobody is known to stand behind yet. */
export function visit(conn: VisitedSocket, parts: Parts): void {
  conn[VISITOR] = new PendingConnection(parts, parts.connections.allowance())
  conn.on('packet', onPacket)
}

/**
 * Finds out who wants to join the namespace.
 * @throws ApiError
 */
export async function admit(socket: Socket, { admission }: Parts): Promise<void> {
  const conn = socket.conn as unknown as VisitedSocket
  const visitor = conn[VISITOR]
  if (visitor.isTaken) throw new ApiError(409, 'conflict', 'This connection already has a stream.')
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

/** The connection joined: its stream begins. */
export function serve(socket: Socket, { connections }: Parts): void {
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
  const { connection, parts } = this.data as PendingConnection
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
  const { connection, parts } = this.data as PendingConnection
  if (!connection) return
  const frame = await parts.requests.answer(connection, event, args[0])
  parts.connections.reply(connection, frame)
  const callback = args.at(-1)
  if (typeof callback === 'function') callback(frame.payload)
}
