import { randomUUID } from 'node:crypto'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, inject, onTestFinished } from 'vitest'
import { parseConfig } from '../../../src/config/config.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { startServer } from '../../../src/start.ts'
import {
  createDatabase,
  mintToken,
  redisUrl,
  TEST_SECRET,
  type TestDatabase,
  UNLIMITED,
} from '../index.ts'

const log = pino({ level: 'silent' })

/** The real server, pages included, as `npm start` wires it. */
export interface Site {
  url: string
  port: number
  stop(): Promise<void>
  /** Calls the API in somebody's name; the answer's JSON. Throws for anything but success. */
  call(sub: string, method: string, path: string, body?: object): Promise<Answer>
  /** Gives money, or takes it: one event of each kind. */
  adjust(userId: string, amount: number): Promise<void>
  /** Asks for a topup in the user's name; its id. */
  requestTopup(userId: string, amount: number, description?: string): Promise<string>
  /** Open streams, by transport. */
  connections(): Promise<Record<string, number>>
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into every answer
type Answer = any

/** @param port 0 takes a free one; @param variables what is set besides */
export async function startSite(
  database: TestDatabase,
  port = 0,
  variables: Record<string, string> = {},
): Promise<Site> {
  const releases = new ShutdownStack()
  const config = parseConfig({
    DATABASE_URL: database.ownerUrl,
    ...(inject('redisUrl') && { REDIS_URL: redisUrl() }),
    JWT_SECRET: TEST_SECRET,
    HOST: '127.0.0.1',
    PORT: String(port),
    DRAIN_SECONDS: '0',
    ...UNLIMITED,
    ...variables,
  })
  const { address } = await startServer(config, log, releases)
  const url = `http://127.0.0.1:${address.port}`

  const call: Site['call'] = async (sub, method, path, body) => {
    const token = await mintToken({ sub, ...(sub.endsWith('admin') && { roles: ['admin'] }) })
    const response = await fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
    return response.json()
  }
  return {
    url,
    port: address.port,
    stop: () => releases.run(),
    call,
    async adjust(userId, amount) {
      const description = 'of a test'
      await call('admin', 'POST', '/transactions/adjustment', { userId, amount, description })
    },
    async requestTopup(userId, amount, description = 'Pocket money') {
      const topup = await call(userId, 'POST', '/transactions/topup', { amount, description })
      return topup.id
    },
    async connections() {
      return (await call('admin', 'GET', '/admin/system')).connections
    },
  }
}

/** A site for the tests of one suite, on a database of its own: it is there once they run. */
export function siteOfSuite(): Site {
  const site = {} as Site
  let database: TestDatabase | undefined
  beforeAll(async () => {
    database = await createDatabase()
    Object.assign(site, await startSite(database))
  }, 60_000)
  afterAll(async () => {
    await site.stop?.()
    await database?.drop()
  })
  return site
}

/** A user whom no other test knows. */
export const someone = (name: string) => `${name}-${randomUUID().slice(0, 6)}`

/** The same site behind a proxy that lets no WebSocket through, as some companies have it. Ends with the test. */
export async function withoutWebSockets(site: Site): Promise<string> {
  const proxy = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming
    const onward = request(
      { host: '127.0.0.1', port: site.port, path: url, method, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  proxy.on('upgrade', (_, socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}
