import { randomUUID } from 'node:crypto'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, inject, onTestFinished } from 'vitest'
import { parseConfig } from '../../../src/config/config.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { freePort } from '../../../src/local/ports.ts'
import { startServer } from '../../../src/start.ts'
import {
  createDatabase,
  eventually,
  mintToken,
  redisUrl,
  TEST_SECRET,
  type TestDatabase,
  UNLIMITED,
} from '../index.ts'

const log = pino({ level: 'silent' })

/** The real server with its pages, as `npm start` starts it. */
export interface Site {
  url: string
  port: number
  stop(): Promise<void>
  /** Calls the API as this user, whose name may end with a role. Returns the answer's JSON. Throws if the call fails. */
  call(sub: string, method: string, path: string, body?: object): Promise<Answer>
  /** Adds money, or takes it with a negative amount: two events. */
  adjust(userId: string, amount: number): Promise<void>
  /** Requests a topup as this user. Returns its id. */
  requestTopup(userId: string, amount: number, description?: string): Promise<string>
  /** The number of open streams by transport. */
  connections(): Promise<Record<string, number>>
}

// biome-ignore lint/suspicious/noExplicitAny: each test knows the shape of its answer
type Answer = any

/**
 * @param port 0 for a free one
 * @param variables additional settings of the server
 */
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
    // Unlike one that the system would choose, nobody else gets it while the site is down.
    PORT: String(port || (await freePort())),
    DRAIN_SECONDS: '0',
    ...UNLIMITED,
    ...variables,
  })
  const { address } = await startServer(config, log, releases)
  const url = `http://127.0.0.1:${address.port}`

  const call: Site['call'] = async (sub, method, path, body) => {
    const role = /(admin|operator)$/.exec(sub)?.[1]
    const token = await mintToken({ sub, ...(role && { roles: [role] }) })
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
      return (await call('operator', 'GET', '/admin/system')).connections
    },
  }
}

/** A site that all tests of a suite share. */
export interface SuiteSite extends Site {
  database: TestDatabase
  /** Starts again on the same port and the same database. Call `stop` first. */
  restart(): Promise<void>
}

/**
 * A site with its own database for the tests of the current suite. Its fields are set before the first test runs.
 * @param variables additional settings of the server
 */
export function siteOfSuite(variables: Record<string, string> = {}): SuiteSite {
  const site = {} as SuiteSite
  beforeAll(async () => {
    const database = await createDatabase()
    const restart = async () =>
      void Object.assign(site, await startSite(database, site.port, variables))
    Object.assign(site, { database, restart })
    await restart()
    // The first request builds the pages, which can take longer on a busy machine than a request may.
    await eventually(async () => expect((await fetch(site.url)).status).toBe(200), {
      timeout: 90_000,
    })
  }, 120_000)
  afterAll(async () => {
    await site.stop?.()
    await site.database?.drop()
  })
  return site
}

/** A user id that no other test uses. */
export const someone = (name: string) => `${name}-${randomUUID().slice(0, 6)}`

/** The same site behind a proxy that blocks WebSockets, as in some companies. It closes at the end of the test. */
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
