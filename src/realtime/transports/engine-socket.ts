import type { TransportSink } from '../connections/connection.ts'
import { CLOSE_WITHIN, MAX_MESSAGE } from '../connections/limits.ts'
import type { Frame, SocketIoFrame } from '../stream/frame.ts'

/** Engine.IO's types leave out what Socket.IO's own adapter uses: its queue, and frames made beforehand. */
export interface EngineSocket {
  request: unknown
  readyState: 'opening' | 'open' | 'closing' | 'closed'
  writeBuffer: unknown[]
  transport: {
    socket?: { bufferedAmount: number; terminate(): void }
    /** Milliseconds that long polling waits for the poll that takes what was sent last. */
    closeTimeout?: number
  }
  write(data: string, options: SocketIoFrame['options']): void
  close(discard?: boolean): void
  on(event: 'packet', listener: () => void): void
  once(event: 'close', listener: () => void): void
  off(event: 'close', listener: () => void): void
}

/**
 * Closes it as soon as it took what it was sent last, and after `CLOSE_WITHIN` without that. Left alone,
 * Engine.IO waits for a client that does not read until its ping times out: 45 s.
 */
export function closeSoon(engine: EngineSocket): void {
  const wasOpen = engine.readyState === 'open'
  // On a WebSocket, which has its own, it means nothing.
  engine.transport.closeTimeout = CLOSE_WITHIN
  engine.close()
  if (!wasOpen || engine.readyState === 'closed') return
  const timer = setTimeout(() => cutOff(engine), CLOSE_WITHIN)
  timer.unref()
  engine.once('close', () => clearTimeout(timer))
}

function cutOff(engine: EngineSocket): void {
  const { socket } = engine.transport
  if (socket) socket.terminate()
  else engine.close(true)
}

/** Socket.IO's end of a connection. */
export class SocketSink implements TransportSink {
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

  /** Engine.IO has its own ping, every 25 s. */
  beat(): void {}

  /** Closed underneath: after `socket.disconnect()` the client would not connect again. */
  close(): void {
    if (this.queuedBytes() > MAX_MESSAGE) this.#engine.close(true)
    else closeSoon(this.#engine)
  }
}
