import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { listening, payload, type Subject } from '../../realtime/subjects.ts'

/** Bare Socket.IO in several processes with the Redis adapter, through which each emit goes. */
export default async function socketIoWithRedis([url = '']: string[]): Promise<Subject> {
  const server = createServer()
  const io = new Server(server, {
    adapter: createAdapter(new Redis(url), new Redis(url)),
    perMessageDeflate: false,
    serveClient: false,
  })
  const namespace = io.of('/balance')
  namespace.on('connection', (socket) => {
    void socket.join(socket.handshake.auth.user)
  })
  return {
    port: await listening(server),
    deliver: (user, seq) => {
      namespace.to(user).emit('balance_updated', JSON.parse(payload(seq)))
    },
  }
}
