import type { Duplex } from 'node:stream'

let corked: Duplex[] = []

/**
 * Writes at the end of the current turn, so that what a connection gets in one turn is one system call.
 * One tick serves all connections of the turn.
 */
export function writeSoon(socket: Duplex, bytes: Buffer): void {
  if (socket.writableCorked === 0) {
    socket.cork()
    if (corked.push(socket) === 1) process.nextTick(uncorkAll)
  }
  socket.write(bytes)
}

function uncorkAll(): void {
  const all = corked
  corked = []
  for (const socket of all) socket.uncork()
}
