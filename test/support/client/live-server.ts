import { pino } from 'pino'
import { inject, onTestFinished } from 'vitest'
import { parseConfig } from '../../../src/config/config.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { freePort } from '../../../src/local/ports.ts'
import { startServer } from '../../../src/start.ts'
import { createDatabase, mintToken, redisUrl, TEST_SECRET, UNLIMITED } from '../index.ts'

/** The whole server, as `npm start` starts it, with its own database. */
export interface LiveServer {
  url: string
  port: number
  /** The URL of the newest database, as its owner. */
  readonly databaseUrl: string
  /** Sends a request with this token. Returns the answer's body. Throws if the server refuses. */
  call<T = Record<string, unknown>>(token: string, request: string, body?: unknown): Promise<T>
  /** Adds money through a topup that an admin approves: two events. */
  fund(userId: string, amount: number, currency?: string): Promise<void>
  /** Shuts the server down gracefully. */
  stop(): Promise<void>
  /** Starts again on the same port, with the same database or a new one. */
  start(options?: { newDatabase?: boolean }): Promise<void>
  /** Shuts the server down, and drops its databases. */
  close(): Promise<void>
}

/** Opens a server that closes at the end of the current test. */
export async function startLiveServer(env: Record<string, string> = {}): Promise<LiveServer> {
  const server = await openLiveServer(env)
  onTestFinished(server.close)
  return server
}

/** Opens a server. `env` adds environment variables. Call `close` at the end. */
export async function openLiveServer(env: Record<string, string> = {}): Promise<LiveServer> {
  const databases = [await createDatabase()]
  const port = await freePort()
  let releases: ShutdownStack | undefined
  const redis = inject('redisUrl') === null ? {} : { REDIS_URL: redisUrl() }

  const server: LiveServer = {
    url: `http://127.0.0.1:${port}`,
    port,
    get databaseUrl() {
      return databases.at(-1)?.ownerUrl ?? ''
    },
    async call(token, request, body) {
      const [method = '', path = ''] = request.split(' ')
      const response = await fetch(server.url + path, {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
      const answer: any = await response.json()
      if (!response.ok) throw new Error(`${request}: ${JSON.stringify(answer)}`)
      return answer
    },
    async fund(userId, amount, currency) {
      const user = await mintToken({ sub: userId })
      const admin = await mintToken({ sub: 'ada', roles: ['admin'] })
      const asked = { amount, ...(currency && { currency }) }
      const { id } = await server.call(user, 'POST /transactions/topup', asked)
      await server.call(admin, `PATCH /transactions/topup/${id}/process`, { status: 'success' })
    },
    async stop() {
      await releases?.run()
      releases = undefined
    },
    async start({ newDatabase = false } = {}) {
      if (newDatabase) databases.push(await createDatabase())
      releases = new ShutdownStack()
      const config = parseConfig({
        DATABASE_URL: databases.at(-1)?.ownerUrl,
        ...redis,
        JWT_SECRET: TEST_SECRET,
        HOST: '127.0.0.1',
        PORT: String(port),
        DRAIN_SECONDS: '0',
        ...UNLIMITED,
        ...env,
      })
      await startServer(config, pino({ level: 'silent' }), releases)
    },
    async close() {
      await server.stop()
      for (const database of databases) await database.drop()
    },
  }
  await server.start()
  return server
}
