import pino from 'pino'
import { afterAll, beforeAll } from 'vitest'
import { parseConfig } from '../../../src/config/config.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { startServer as start } from '../../../src/start.ts'
import { createDatabase, mintToken, redisUrl, TEST_SECRET, type TestDatabase } from '../index.ts'

export interface CliServer {
  url: string
  /** What the command line finds in its environment beside this server. */
  env: Record<string, string>
  /** As a client of the API, with a token of TEST_SECRET. */
  post(
    sub: string,
    path: string,
    body: object,
    roles?: string[],
    tenant?: string,
  ): Promise<{ id: string }>
  close(): Promise<void>
}

export function startServer(
  databaseUrl: string,
  redisUrl: string,
  settings: Record<string, string> = {},
): Promise<CliServer> {
  const own = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, JWT_SECRET: TEST_SECRET }
  return startServerWith({ ...own, ...settings })
}

/** A whole server, as `main.ts` starts it. */
export async function startServerWith(env: Record<string, string>): Promise<CliServer> {
  const releases = new ShutdownStack()
  const config = parseConfig({ ...env, HOST: '127.0.0.1', PORT: '0', DRAIN_SECONDS: '0' })
  const { address } = await start(config, pino({ level: 'silent' }), releases)
  const url = `http://127.0.0.1:${address.port}`
  return {
    url,
    env: { ...env, LIVEBALANCE_URL: url },
    async post(sub, path, body, roles = [], tenant = 'default') {
      const token = await mintToken({ sub, roles, tenant })
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return (await response.json()) as { id: string }
    },
    close: () => releases.run(),
  }
}

/** A server for the tests of one suite, on a database of its own: both are there once the tests run. */
export function serverOfSuite(settings?: Record<string, string>): {
  server: CliServer
  database: TestDatabase
} {
  const beside = {} as { server: CliServer; database: TestDatabase }
  beforeAll(async () => {
    beside.database = await createDatabase()
    beside.server = await startServer(beside.database.ownerUrl, redisUrl(), settings)
  })
  afterAll(async () => {
    await beside.server?.close()
    await beside.database?.drop()
  })
  return beside
}
