import type { Duplex } from 'node:stream'
import type { Bytes } from '../stream/frame.ts'

let corked: Duplex[] = []

/**
 * Holds back what is written to a socket until the end of the current turn, so that what a connection gets in
 * one turn is one system call. One tick serves all connections of the turn.
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
