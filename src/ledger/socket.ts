import { Socket } from 'node:net'

/** What the client says of where to connect: hosts and ports in pairs, or a socket file. */
export interface Address {
  host: string[]
  port: number[]
  path?: string | false
}

/** The version that a startup message asks for, after its length. */
const PROTOCOL = 196_608

/**
 * A socket for the Postgres client (postgres 3.4.9), which loses queries when a connection breaks:
 *
 * - What is asked for between the socket's `error` and its `close` is rejected by neither, and the connection
 *   is never used again. So here a connection that once stood closes without an error; what was under way has
 *   been rejected by then.
 * - What it had not yet sent when the connection closed goes out before the next startup message, and Postgres
 *   hangs up. So that is dropped here: its query has been rejected.
 */
export class ClientSocket extends Socket {
  #stood = false
  #started = false

  // biome-ignore lint/suspicious/noExplicitAny: the arguments are those of any event.
  override emit(event: string | symbol, ...args: any[]): boolean {
    if (event === 'connect') this.#stood = true
    if (event === 'close' && this.#stood) return super.emit('close', false)
    return super.emit(event, ...args)
  }

  // biome-ignore lint/suspicious/noExplicitAny: passed on as it came.
  override write(chunk: Buffer, ...rest: any[]): boolean {
    const message = this.#started ? chunk : startupOf(chunk)
    this.#started = true
    return super.write(message, ...rest)
  }
}

/** The startup message at the end of what is written first, or all of it where there is none (TLS). */
function startupOf(chunk: Buffer): Buffer {
  for (let at = 1; at + 8 <= chunk.length; at++) {
    if (chunk.readUInt32BE(at) === chunk.length - at && chunk.readUInt32BE(at + 4) === PROTOCOL) {
      return chunk.subarray(at)
    }
  }
  return chunk
}

/** Makes the sockets of one pool, to its hosts by turns. */
export function socketsOf(): (address: Address) => Socket {
  let turn = 0
  return ({ host, port, path }) => {
    const socket = new ClientSocket()
    if (path) return socket.connect(path)
    const at = turn++ % host.length
    // The client checks a certificate against the socket's host.
    Object.assign(socket, { host: host[at], port: port[at] })
    return socket.connect(port[at] ?? 5432, host[at] ?? 'localhost')
  }
}
