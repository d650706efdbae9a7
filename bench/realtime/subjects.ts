import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as NetServer,
  type Socket,
} from 'node:net'
import { pino } from 'pino'
import { Server as SocketIoServer } from 'socket.io'
import { type WebSocket, WebSocketServer } from 'ws'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { createServer } from '../../src/http/server.ts'
import type { UserRef } from '../../src/ledger/event.ts'
import type { EventStore, HoldStore } from '../../src/ledger/event-store.ts'
import type { BusListener } from '../../src/realtime/bus/bus.ts'
import { MemoryBus } from '../../src/realtime/bus/memory-bus.ts'
import { Gateway } from '../../src/realtime/gateway.ts'
import { eventStreams } from '../../src/realtime/transports/sse.ts'
import { type AppDeps, createApp } from '../../src/routes/app.ts'
import { SECRET } from '../secret.ts'
import { ROOM } from './room.ts'

/** A server under measurement. */
export interface Subject {
  port: number
  /** Sends event number `seq` to the connections of that user. */
  deliver(user: string, seq: number): void
}

const EPOCH = 'bench'

/** The text that a raw server sends: the same as ours, prepared except for the numbers. */
export function payload(seq: number): string {
  return `{"newBalance":${150 + seq},"previousBalance":100,"transactionId":"019a4e5c-0000-7000-8000-000000000001","transactionType":"topup","amount":50,"timestamp":"2025-11-04T10:30:00.000Z","id":"bench:${seq}","seq":${seq},"currency":"USD"}`
}

/** Our whole server with messages as they come from Redis. Only the ledger is missing. */
async function ours(): Promise<Subject> {
  const store: EventStore & HoldStore = {
    epoch: EPOCH,
    async balance(_who: UserRef, currency: string) {
      return { balance: 10_000n, held: 0n, currency, seq: 0, updatedAt: '' }
    },
    async eventsAfter() {
      return { head: 0, events: [] }
    },
    async heads(whos) {
      return whos.map(() => 0)
    },
    async toldHolds() {
      return { events: [], next: null }
    },
  }
  const logger = pino({ level: 'warn' })
  const listeners: BusListener[] = []
  const bus = new MemoryBus({ epoch: EPOCH, currency: 'USD', logger })
  bus.listen = (listener) => {
    listeners.push(listener)
    return () => {}
  }
  const authenticator = createAuthenticator({ keys: { kind: 'secret', secret: SECRET } })
  const gateway = new Gateway({
    bus,
    store,
    authenticator,
    logger,
    currency: 'USD',
    corsOrigins: [],
    connectionsPerUser: 100_000,
  })
  const app = createApp({
    authenticator,
    currency: 'USD',
    corsOrigins: [],
    requestTimeoutMs: 10_000,
    streams: eventStreams(gateway),
    readiness: async () => ({ ok: true, checks: {} }),
    log: logger,
    cache: bus,
    tickets: gateway.tickets,
  } as Partial<AppDeps> as AppDeps)
  const server = createServer({ fetch: app.fetch, gateway, logger })
  const { port } = await server.listen(0, '127.0.0.1')
  return {
    port,
    deliver(user, seq) {
      const named = `{"event":"balance_updated","userId":"user-${user}","tenantId":"default","status":"success",`
      const text = named + payload(seq).slice(1)
      for (const listener of listeners) listener.message(text)
    },
  }
}

export const userOf = (url = '') => new URL(url, 'http://x').searchParams.get('user') ?? ''

export async function listening(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Connections by user, as a bare server keeps them. */
class Bare<Connection extends { on(event: 'close', listener: () => void): unknown }> {
  readonly #users = new Map<string, Connection>()
  readonly #room = new Set<Connection>()

  add(user: string, connection: Connection): void {
    if (user === ROOM) {
      this.#room.add(connection)
      connection.on('close', () => this.#room.delete(connection))
    } else {
      this.#users.set(user, connection)
      connection.on('close', () => this.#users.delete(user))
    }
  }

  of(user: string): Iterable<Connection> {
    if (user === ROOM) return this.#room
    const connection = this.#users.get(user)
    return connection ? [connection] : []
  }
}

const sseBlock = (seq: number) =>
  `event: balance_updated\nid: bench:${seq}\ndata: ${payload(seq)}\n\n`

export const SUBJECTS = {
  ours,

  /** A response of `node:http` for each connection. */
  async 'raw SSE'(): Promise<Subject> {
    const responses = new Bare<ServerResponse>()
    const server = createHttpServer((request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write('retry: 2000\n\n')
      responses.add(userOf(request.url), response)
    })
    return {
      port: await listening(server),
      deliver(user, seq) {
        const block = sseBlock(seq)
        for (const response of responses.of(user)) response.write(block)
      },
    }
  },

  async 'raw ws'(): Promise<Subject> {
    const sockets = new Bare<WebSocket>()
    const server = createHttpServer()
    const wss = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false })
    wss.on('connection', (socket, request) => {
      sockets.add(userOf(request.url), socket)
      socket.on('message', () => {})
    })
    return {
      port: await listening(server),
      deliver(user, seq) {
        const text = `{"event":"balance_updated",${payload(seq).slice(1)}`
        for (const socket of sockets.of(user)) socket.send(text)
      },
    }
  },

  async 'bare Socket.IO'(): Promise<Subject> {
    const server = createHttpServer()
    const io = new SocketIoServer(server, { perMessageDeflate: false, serveClient: false })
    const namespace = io.of('/balance')
    namespace.on('connection', (socket) => {
      void socket.join(socket.handshake.auth.user)
      socket.on('get_current_balance', () => {})
    })
    return {
      port: await listening(server),
      deliver: (user, seq) =>
        namespace.local.to(user).emit('balance_updated', JSON.parse(payload(seq))),
    }
  },

  /**
   * Only writes to a socket: the cost of the operating system and Node. Nagle's algorithm is off, as in `node:http`.
   * With it, events wait for each other's acknowledgement and share segments: 1.0 to 1.4 segments for each write and
   * its acknowledgement, instead of 1.9.
   */
  async 'bare TCP'(): Promise<Subject> {
    const sockets = new Bare<Socket>()
    const server = createTcpServer({ noDelay: true }, (socket) => {
      socket.once('data', (user) => sockets.add(String(user), socket))
      socket.on('error', () => socket.destroy())
      socket.write('hello')
    })
    return {
      port: await listening(server),
      deliver(user, seq) {
        const block = sseBlock(seq)
        for (const socket of sockets.of(user)) socket.write(block)
      },
    }
  },
} satisfies Record<string, () => Promise<Subject>>

export type SubjectName = keyof typeof SUBJECTS
