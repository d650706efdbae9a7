/** The server's end of a WebSocket that the runtime upgraded. Its pings are the runtime's. */
export interface RuntimeSocket {
  send(text: string): void
  /** Bytes that the network has not taken yet. */
  queuedBytes(): number
  close(code: number, reason: string): void
  /** Closes without waiting for the client. */
  terminate(): void
}

/** What the runtime reports of such a WebSocket. */
export interface RuntimeSocketEvents {
  opened(socket: RuntimeSocket): void
  received(message: string | Uint8Array | ArrayBuffer): void
  /** A ping or pong of the client. */
  controlled(): void
  /** Also of a socket that was never opened. */
  closed(): void
}
