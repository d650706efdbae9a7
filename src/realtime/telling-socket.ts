import { type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import type { Frame } from './frame.ts'
import { CLOSE_WITHIN, MAX_MESSAGE } from './limits.ts'
import { errorNotice } from './notices.ts'

/** What ws closes a connection for by itself, by the code that it closes with (RFC 6455, 7.4.1). */
const FAULTS: ReadonlyMap<number | undefined, Frame> = new Map([
  [1002, errorNotice('invalid_request', 'that was no WebSocket frame')],
  [1007, errorNotice('invalid_request', 'that was no UTF-8')],
  [1009, errorNotice('message_too_large', `a message may have ${MAX_MESSAGE} bytes`)],
])

/** A server's end of a WebSocket whose client is told, by an `error` event, what ws will close it for. */
export abstract class TellingSocket extends WebSocket {
  abstract tell(frame: Frame): void

  override close(code?: number, reason?: string | Buffer): void {
    const fault = this.readyState === WebSocket.OPEN ? FAULTS.get(code) : undefined
    if (fault) this.tell(fault)
    super.close(code, reason)
  }
}

/** Makes such sockets of upgrade requests. Without compression, which made a connection cost 233 KB. */
export class TellingServer<T extends typeof WebSocket> extends WebSocketServer<T> {
  constructor(client: T) {
    const options: ServerOptions<T> & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE,
      closeTimeout: CLOSE_WITHIN,
      WebSocket: client,
    }
    super(options)
  }
}
