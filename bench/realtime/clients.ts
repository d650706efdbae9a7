import { connect, type Socket } from 'node:net'
import { mintToken } from '../../src/auth/tokens.ts'
import { SECRET } from '../secret.ts'
import { ROOM } from './room.ts'

export type Protocol = 'SSE' | 'WebSocket' | 'Socket.IO' | 'TCP'

const UPGRADE =
  'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** Connections opened at once. */
const AT_ONCE = 50

/** `from`: the number of the first user, or the room. */
const [, , port, protocol, count, from = '0'] = process.argv
const sockets: Socket[] = []
let next = 0

/** Speaks just enough of the protocol to be connected, and then discards what it receives. */
async function open(user: string): Promise<void> {
  const token = await mintToken(SECRET, { sub: `user-${user}`, expiresIn: 3600 })
  const socket = connect(Number(port), '127.0.0.1')
  sockets.push(socket)
  socket.on('error', (error) => {
    console.error(error)
    process.exit(1)
  })
  const arrived = (what: RegExp) =>
    new Promise<void>((resolve) => {
      const look = (bytes: Buffer) => {
        if (!what.test(String(bytes))) return
        socket.off('data', look)
        resolve()
      }
      socket.on('data', look)
    })
  if (protocol === 'TCP') {
    socket.write(user)
    await arrived(/hello/)
  } else if (protocol === 'SSE') {
    socket.write(
      `GET /balance/stream?user=${user}&token=${token} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    )
    await arrived(/retry/)
  } else if (protocol === 'WebSocket') {
    socket.write(`GET /balance?user=${user}&token=${token} HTTP/1.1\r\n${UPGRADE}`)
    await arrived(/101/)
  } else {
    socket.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n${UPGRADE}`)
    await arrived(/sid/)
    socket.write(maskedFrame(`40/balance,${JSON.stringify({ token, user })}`))
    await arrived(/40\/balance/)
  }
  socket.resume()
}

function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0])
  return Buffer.concat([header, payload])
}

async function openSome(): Promise<void> {
  while (next < Number(count)) {
    const number = next++
    await open(from === ROOM ? ROOM : String(Number(from) + number))
  }
}

process.on('disconnect', () => process.exit())
await Promise.all(Array.from({ length: AT_ONCE }, openSome))
process.send?.('open')
