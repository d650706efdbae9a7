import type { Duplex } from 'node:stream'
import type { Bytes } from './frame.ts'

let corked: Duplex[] = []

/**
 * Writes at the end of the current turn, so that what a connection gets in one turn is one system call.
 * One tick serves all connections of the turn.
 */
export function writeSoon(socket: Duplex, bytes: Bytes): void {
  if (socket.writableCorked === 0) {
    socket.cork()
    if (corked.push(socket) === 1) process.nextTick(uncorkAll)
  }
  socket.write(bytes, 'latin1')
}

function uncorkAll(): void {
  const all = corked
  corked = []
  for (const socket of all) socket.uncork()
}
