import { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { overTls } from './tls-socket.ts'

/** What the client says of where to connect: hosts and ports in pairs, or a socket file. */
export interface Address {
  host: string[]
  port: number[]
  path?: string | false
}

/** The version that a startup message asks for, after its length. */
const PROTOCOL = 196_608

/**
 * Mends a socket for the Postgres client (postgres 3.4.9), which loses queries when a connection breaks:
 *
 * - What is asked for between the socket's `error` and its `close` is rejected by neither, and the connection
 *   is never used again. So here a connection that once stood closes without an error; what was under way has
 *   been rejected by then.
 * - What it had not yet sent when the connection closed goes out before the next startup message, and Postgres
 *   hangs up. So that is dropped here: its query has been rejected.
 * - A connection that closes without an error before its session began is opened again at once, without end and
 *   without a word to the query that waits for it. So here that is an error.
 *
 * @param connected the event by which the connection stands
 */
function mended<S extends Socket>(socket: S, connected: 'connect' | 'secureConnect'): S {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean
  const write = socket.write.bind(socket) as (chunk: Buffer, ...rest: unknown[]) => boolean
  let stood = false
  let started = false
  let closed = false
  let inSession = false
  const begins = sessionBegin()
  return Object.assign(socket, {
    emit(event: string | symbol, ...args: unknown[]) {
      if (event === connected) stood = true
      if (event === 'data' && !inSession) inSession = begins(args[0] as Buffer)
      if (event === 'close' && stood && !closed && !inSession) emit('error', closedEarly(socket))
      if (event === 'close') closed = true
      // The client listens no more: writes that TLS had still under way end in one.
      else if (event === 'error' && closed) return false
      return event === 'close' && stood ? emit('close', false) : emit(event, ...args)
    },
    write(chunk: Buffer, ...rest: unknown[]) {
      const message = started ? chunk : startupOf(chunk)
      started = true
      return write(message, ...rest)
    },
  })
}

const READY_FOR_QUERY = 0x5a

/** Whether what has arrived so far contains the first message that Postgres sends once it takes queries. */
function sessionBegin(): (chunk: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 5 && rest[0] !== READY_FOR_QUERY) {
      const end = 1 + rest.readUInt32BE(1)
      if (end > rest.length) return false
      rest = rest.subarray(end)
    }
    return rest[0] === READY_FOR_QUERY
  }
}

/** No query was sent yet: as good as no connection (see `failureOf`). */
function closedEarly(
  socket: Socket & { host?: string | undefined; port?: number | undefined },
): Error {
  const { host: address, port } = socket
  return Object.assign(new Error('the connection closed before a session began'), {
    ...{ code: 'CONNECTION_CLOSED', syscall: 'connect', address, port },
  })
}

/** The startup message at the end of what is written first, or all of it where there is none. */
function startupOf(chunk: Buffer): Buffer {
  for (let at = 1; at + 8 <= chunk.length; at++) {
    if (chunk.readUInt32BE(at) === chunk.length - at && chunk.readUInt32BE(at + 4) === PROTOCOL) {
      return chunk.subarray(at)
    }
  }
  return chunk
}

/**
 * Makes the sockets of one pool, to its hosts by turns.
 * @param tls how to speak TLS over them; undefined: not at all
 */
export function socketsOf(tls?: ConnectionOptions): (address: Address) => Socket {
  let turn = 0
  return ({ host, port, path }) => {
    const socket = new Socket()
    const at = turn++ % host.length
    const name = host[at] ?? 'localhost'
    const made = tls
      ? mended(overTls(socket, name, tls), 'secureConnect')
      : mended(socket, 'connect')
    if (path) socket.connect(path)
    else socket.connect(port[at] ?? 5432, name)
    return Object.assign(made, { host: name, port: port[at] })
  }
}
