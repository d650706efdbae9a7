import type { Duplex } from 'node:stream'
import type { Bytes } from '../stream/frame.ts'

let corked: Duplex[] = []

/**
 * Buffers writes to a socket until the end of the current turn, so that all frames of a turn are one system
 * call. One tick uncorks all sockets of the turn.
 */
export function corkForTurn(socket: Duplex): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  if (corked.push(socket) === 1) process.nextTick(uncorkAll)
}

/** Writes at the end of the current turn. */
export function writeCorked(socket: Duplex, bytes: Bytes): void {
  corkForTurn(socket)
  socket.write(bytes, 'latin1')
}

function uncorkAll(): void {
  const all = corked
  corked = []
  for (const socket of all) socket.uncork()
}
