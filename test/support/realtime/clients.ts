import { EventSource } from 'eventsource'
import { io, type Socket } from 'socket.io-client'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'

/** One event as a client received it. */
export interface Received {
  event: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into every payload
  data: any
}

/** A client of any transport, and all its received events. */
export interface TestClient {
  received: Received[]
  /** Numbers of the ledger's events, in order of arrival. */
  seqs(): number[]
  send(event: string, argument?: unknown): void
  /** Why the connection could not be opened, or was closed. */
  failure: Promise<{ code?: string | number; status?: number }>
  close(): void
}

export interface ConnectOptions {
  lastEventId?: string
  currency?: string
  maxRate?: string
  transactions?: string
}

const NO_EVENTS = /^(balance_(initial|current|subscribed)|token_expiring|authenticated|error)$/

function client(received: Received[], rest: Omit<TestClient, 'received' | 'seqs'>): TestClient {
  onTestFinished(() => rest.close())
  const seqs = () =>
    received.filter(({ event }) => !NO_EVENTS.test(event)).map(({ data }) => data.seq)
  return { received, seqs, ...rest }
}

export const connectBy = {
  'Socket.IO'(url: string, token: string, options: ConnectOptions = {}): TestClient {
    const received: Received[] = []
    const socket: Socket = io(`${url}/balance`, {
      auth: { token, ...options },
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
    })
    socket.onAny((event, data) => received.push({ event, data }))
    const failure = new Promise<{ code?: string }>((resolve) => {
      socket.on('connect_error', (error) =>
        resolve((error as Error & { data?: { code?: string } }).data ?? {}),
      )
      socket.on('disconnect', (reason) => resolve({ code: reason }))
    })
    return client(received, {
      send: (event, argument) => socket.emit(event, ...(argument === undefined ? [] : [argument])),
      failure,
      close: () => socket.close(),
    })
  },

  SSE(url: string, token: string, options: ConnectOptions = {}): TestClient {
    const received: Received[] = []
    const query = new URLSearchParams({ token, ...options })
    const source = new EventSource(`${url}/balance/stream?${query}`)
    for (const event of [
      'balance_initial',
      'balance_updated',
      'transaction_completed',
      'transaction_failed',
      'balance_insufficient',
      'token_expiring',
    ]) {
      source.addEventListener(event, ({ data }) => received.push({ event, data: JSON.parse(data) }))
    }
    let hasFailed = false
    const failure = new Promise<{ code?: string; status?: number }>((resolve) => {
      source.addEventListener('error', (error) => {
        const { data, code } = error as unknown as { data?: string; code?: number }
        if (data) return void received.push({ event: 'error', data: JSON.parse(data) })
        // `fetch` may have taken a pooled connection that the server was closing. EventSource then connects again.
        if (code === undefined && received.length === 0 && !hasFailed) {
          hasFailed = true
          return
        }
        source.close()
        resolve(code === undefined ? {} : { status: code })
      })
    })
    return client(received, { send: () => {}, failure, close: () => source.close() })
  },

  WebSocket(url: string, token: string, options: ConnectOptions = {}): TestClient {
    const received: Received[] = []
    const query = new URLSearchParams({ token, ...options })
    const socket = new WebSocket(`${url.replace('http', 'ws')}/balance?${query}`)
    socket.on('message', (text) => {
      const { event, ...data } = JSON.parse(String(text))
      received.push({ event, data })
    })
    const failure = new Promise<{ code?: number; status?: number }>((resolve) => {
      socket.on('unexpected-response', (_request, response) => {
        resolve({ status: response.statusCode ?? 0 })
      })
      socket.on('error', () => {})
      socket.on('close', (code) => resolve({ code }))
    })
    return client(received, {
      send: (event, argument) => socket.send(JSON.stringify({ event, token: argument })),
      failure,
      close: () => socket.terminate(),
    })
  },
}

export type Transport = keyof typeof connectBy
export const TRANSPORTS = Object.keys(connectBy) as Transport[]
