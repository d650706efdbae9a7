import type { Duplex } from 'node:stream'

/** Writes at the end of the current turn, so that what a connection gets in one turn is one system call. */
export function writeSoon(socket: Duplex, bytes: Buffer): void {
  if (socket.writableCorked === 0) {
    socket.cork()
    process.nextTick(uncork, socket)
  }
  socket.write(bytes)
}

function uncork(socket: Duplex): void {
  socket.uncork()
}
