import type { Socket } from 'node:net'

/**
 * Call it before a connection is given to another process. Node reads on until that process has confirmed the
 * connection, and drops what it reads: the first bytes that the client sends to its new process.
 */
export function stopReading(connection: Socket): void {
  const { _handle } = connection as Socket & { _handle?: { readStop(): number } | null }
  _handle?.readStop()
}
