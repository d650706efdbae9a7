import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { mintToken } from '../index.ts'

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into every body
  body: any
}

export interface Call {
  body?: unknown
  headers?: Record<string, string>
  /** The body as it is. */
  raw?: string | Uint8Array<ArrayBuffer> | ReadableStream
}

/** Someone with a token, who calls the server. */
export class Person {
  readonly id: string
  readonly token: string
  readonly #url: string

  constructor(url: string, id: string, token: string) {
    this.#url = url
    this.id = id
    this.token = token
  }

  call(method: string, path: string, call: Call = {}): Promise<Answer> {
    const headers = { Authorization: `Bearer ${this.token}`, ...call.headers }
    return request(this.#url + path, method, { ...call, headers })
  }

  get(path: string): Promise<Answer> {
    return this.call('GET', path)
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('POST', path, { body, headers })
  }

  async balance(): Promise<number> {
    return (await this.get('/transactions/balance')).body.balance
  }
}

export async function request(url: string, method: string, call: Call = {}): Promise<Answer> {
  const { body, raw, headers } = call
  const json = body === undefined ? {} : { 'Content-Type': 'application/json' }
  const sent = body === undefined ? raw : JSON.stringify(body)
  const response = await fetch(url, {
    method,
    headers: { ...json, ...headers },
    ...(sent !== undefined && { body: sent }),
    ...(sent instanceof ReadableStream && { duplex: 'half' }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}

/** The people of one server. */
export class People {
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  /** A user whom nobody else knows. */
  async user(claims: { roles?: string[]; expiresIn?: number; id?: string } = {}) {
    const sub = `user-${randomUUID()}`
    return new Person(this.url, sub, await mintToken({ sub, ...claims }))
  }

  admin(): Promise<Person> {
    return this.user({ roles: ['admin'] })
  }

  /** A user with this much money, which one approved topup brought: two events. */
  async payer(amount: number): Promise<Person> {
    const payer = await this.user()
    await this.topUp(payer, amount)
    return payer
  }

  async topUp(user: Person, amount: number): Promise<void> {
    const { body } = await user.post('/transactions/topup', { amount })
    const admin = await this.admin()
    const approved = await admin.call('PATCH', `/transactions/topup/${body.id}/process`, {
      body: { status: 'success' },
    })
    expect(approved.status).toBe(200)
  }
}

export const payment = (amount: number) => ({ type: 'booking_payment', amount })

/** A connection without an HTTP client on it. */
export interface Wire {
  write(bytes: string | Uint8Array): void
  /** Everything received so far. */
  received(): string
  closed: Promise<void>
  /** Stops reading, until `resume`. */
  pause(): void
  resume(): void
}

export function openWire(url: string): Wire {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.setEncoding('latin1').on('data', (part) => {
    text += part
  })
  socket.on('error', () => {})
  return {
    write: (bytes) => void socket.write(bytes),
    received: () => text,
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  }
}
