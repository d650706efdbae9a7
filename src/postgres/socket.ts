import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** The version that a startup message asks for, after its length. */
const PROTOCOL = 196_608

/**
 * Mends a socket for the Postgres client (postgres 3.4.9), which loses queries when a connection breaks:
 *
 * - What is asked for between the socket's `error` and its `close` is rejected by neither, and the connection
 *   is never used again. So here a connection closes without an error; what was under way has been rejected by
 *   then.
 * - What it had not yet sent when the connection closed goes out before the next startup message, and Postgres
 *   hangs up. So that is dropped here: its query has been rejected.
 * - A connection that closes without an error before its session began is opened again at once, without end and
 *   without a word to the query that waits for it. So here that is an error.
 */
export function mended<S extends Socket>(socket: S): S {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean
  const write = socket.write.bind(socket) as (chunk: Buffer, ...rest: unknown[]) => boolean
  let started = false
  let closed = false
  let inSession = false
  const begins = sessionBegin()
  return Object.assign(socket, {
    emit(event: string | symbol, ...args: unknown[]) {
      if (event === 'data' && !inSession) inSession = begins(args[0] as Buffer)
      if (event === 'close' && !closed && !inSession) emit('error', closedEarly(socket))
      if (event === 'close') closed = true
      // The client listens no more: writes that TLS had still under way end in one.
      else if (event === 'error' && closed) return false
      return event === 'close' ? emit('close', false) : emit(event, ...args)
    },
    write(chunk: Buffer, ...rest: unknown[]) {
      const message = started ? chunk : withoutPadding(startupOf(chunk))
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
function closedEarly({ remoteAddress: address, remotePort: port }: Socket): Error {
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

/** What a startup message holds that is for this process only. */
const PADDING_NAME = 'livebalance_padding'
const PADDING = Buffer.from(`${PADDING_NAME}\0${' '.repeat(1024)}\0`)

/**
 * Blanks in the client's startup message. When a connection closes with something still to be sent, the client
 * (postgres 3.4.9) forgets the timer that was to send it, but not that it is set: nothing short is ever sent
 * again, the next startup message included, and each attempt to reconnect ends in a timeout. What is longer
 * than 1024 bytes is sent at once, and sets that right. Poolers refuse settings that they do not know, so the
 * blanks leave the message before it is sent.
 */
export const LONG_STARTUP = { [PADDING_NAME]: ' '.repeat(1024) }

function withoutPadding(message: Buffer): Buffer {
  const at = message.indexOf(PADDING)
  if (at === -1) return message
  const sent = Buffer.concat([message.subarray(0, at), message.subarray(at + PADDING.length)])
  sent.writeUInt32BE(sent.length, 0)
  return sent
}

/** What the client gets where no server was reached: it ends with the reason. An error thrown would end its slot. */
export class FailedSocket extends Duplex {
  readonly readyState = 'closed'

  constructor(error: unknown) {
    super()
    setImmediate(() => this.destroy(error as Error))
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    // The client waits longer before each attempt, if it hears that this one ended in an error.
    return event === 'close' ? super.emit('close', true) : super.emit(event, ...args)
  }

  override _read(): void {}

  override _write(_: unknown, __: unknown, done: () => void): void {
    done()
  }
}
