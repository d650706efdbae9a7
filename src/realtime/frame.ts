import { stringifyJson } from '../json.ts'

/** The namespace of Socket.IO clients. */
export const NAMESPACE = '/balance'

/** A Socket.IO packet, as Engine.IO takes it. */
export interface SocketIoFrame {
  packet: string
  bytes: number
  /** The same as a whole WebSocket frame, for connections that are one. */
  options: { compress: false; wsPreEncodedFrame: readonly Buffer[] }
}

/**
 * One event on its way to clients. Each wire format is written at most once, however many connections
 * get it, and only if one needs it.
 */
export class Frame {
  readonly event: string
  readonly payload: object
  readonly #id: string | undefined
  readonly #json: string
  #sse: Buffer | undefined
  #webSocket: Buffer | undefined
  #socketIo: SocketIoFrame | undefined

  /** @param id where the stream stands after this event; left out for one that does not move it */
  constructor(event: string, payload: object, id?: string) {
    this.event = event
    this.payload = payload
    this.#json = stringifyJson(payload)
    this.#id = id
  }

  /** A block of a `text/event-stream`. */
  get sse(): Buffer {
    const id = this.#id === undefined ? '' : `id: ${this.#id}\n`
    this.#sse ??= Buffer.from(`event: ${this.event}\n${id}data: ${this.#json}\n\n`)
    return this.#sse
  }

  /** The payload with `event` in front, as the text of one WebSocket message. */
  get webSocket(): Buffer {
    const rest = this.#json === '{}' ? '}' : `,${this.#json.slice(1)}`
    this.#webSocket ??= Buffer.from(`{"event":"${this.event}"${rest}`)
    return this.#webSocket
  }

  get socketIo(): SocketIoFrame {
    if (!this.#socketIo) {
      const packet = `2${NAMESPACE},["${this.event}",${this.#json}]`
      // 4 is Engine.IO's packet type "message".
      const frame = webSocketFrame(Buffer.from(`4${packet}`))
      const options = { compress: false, wsPreEncodedFrame: [frame] } as const
      this.#socketIo = { packet, bytes: frame.length, options }
    }
    return this.#socketIo
  }
}

/** An unmasked, unfragmented text frame (RFC 6455, 5.2). */
function webSocketFrame(payload: Buffer): Buffer {
  const { length } = payload
  let header: Buffer
  if (length < 126) {
    header = Buffer.from([0x81, length])
  } else if (length < 65_536) {
    header = Buffer.from([0x81, 126, 0, 0])
    header.writeUInt16BE(length, 2)
  } else {
    header = Buffer.alloc(10)
    header[0] = 0x81
    header[1] = 127
    header.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([header, payload])
}
