import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import { mintToken } from '../../src/auth/tokens.ts'
import { SECRET } from '../secret.ts'
import type { Heard } from './listeners.ts'

/** The process with the live connections. User n has the transport n modulo 3. */
const [, , port, count] = process.argv

/** Connections opened at once. */
const AT_ONCE = 50

const heard: Heard = { open: 0, events: 0, gaps: 0, closed: 0 }

/** Checks the text of a connection: each `seq` arrives once, in order, without a gap. */
function follow(): (text: string) => void {
  let rest = ''
  let last: number | undefined
  return (text) => {
    rest += text
    let end = 0
    for (const { 1: digits, 0: all, index } of rest.matchAll(/"seq":(\d+)[,}]/g)) {
      const seq = Number(digits)
      if (last === undefined) heard.open += 1
      else if (seq === last + 1) heard.events += 1
      else heard.gaps += 1
      last = seq
      end = index + all.length
    }
    // The chunk ended inside a number or its name.
    rest = rest.slice(Math.max(end, rest.length - 40))
  }
}

function closed(): void {
  heard.closed += 1
}

const sockets: Socket[] = []

const TRANSPORTS = [
  (token: string) => {
    const hear = follow()
    const socket = connect(Number(port), '127.0.0.1')
    sockets.push(socket)
    socket.setEncoding('utf8').on('data', hear).on('close', closed).on('error', closed)
    socket.write(
      `GET /balance/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
  },
  (token: string) => {
    const hear = follow()
    new WebSocket(`ws://127.0.0.1:${port}/balance?token=${token}`)
      .on('message', (data) => hear(String(data)))
      .on('close', closed)
      .on('error', closed)
  },
  (token: string) => {
    const hear = follow()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`)
    socket
      .on('message', (data) => {
        const text = String(data)
        if (text === '2') socket.send('3')
        else if (text.startsWith('0')) socket.send(`40/balance,${JSON.stringify({ token })}`)
        else hear(text)
      })
      .on('close', closed)
      .on('error', closed)
  },
]

process.on('message', () => process.send?.(heard))
process.on('disconnect', () => process.exit())

let next = 0
async function openSome(): Promise<void> {
  while (next < Number(count)) {
    const user = next++
    const token = await mintToken(SECRET, { sub: `user-${user}`, expiresIn: 7200 })
    const before = heard.open
    TRANSPORTS[user % TRANSPORTS.length]?.(token)
    while (heard.open === before && heard.closed === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, openSome))
process.send?.(heard)
