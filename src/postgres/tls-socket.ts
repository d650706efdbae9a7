import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

/** Asks Postgres for TLS: its length, and the code that stands in place of a version. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const YES = 'S'.charCodeAt(0)

/**
 * What is under the TLS of a connection to Postgres: a socket on which the server has first to say that it
 * speaks TLS. What TLS writes before that waits. A server that says no, or says more than it was asked
 * before the handshake (which nobody has vouched for), is hung up on.
 */
class Negotiation extends Duplex {
  readonly #socket: Socket
  #agreed: (() => void) | undefined
  #open = false

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    socket.once('connect', () => socket.write(SSL_REQUEST))
    socket.once('data', (answer) => {
      if (answer.length !== 1 || answer[0] !== YES) {
        this.destroy(Object.assign(new Error('the database speaks no TLS'), { code: 'NO_TLS' }))
        return
      }
      this.#open = true
      socket.on('data', (chunk) => {
        if (!this.push(chunk)) socket.pause()
      })
      this.#agreed?.()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _: string, done: (error?: Error | null) => void): void {
    if (this.#open) this.#socket.write(chunk, done)
    else this.#agreed = () => this.#socket.write(chunk, done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}

/** A TLS connection over a socket that is yet to connect to `host`. */
export function overTls(socket: Socket, host: string, options: ConnectionOptions): TLSSocket {
  // As the client does by itself, which sees no handle here to do it on.
  socket.setKeepAlive(true, 60_000)
  const under = new Negotiation(socket)
  const secure = connect({
    ...options,
    socket: under,
    // A name to check the certificate against, and to choose it by: never an address.
    ...(isIP(host) ? { host } : { servername: host }),
  })
  under.on('error', (error) => secure.destroy(error))
  return secure
}
