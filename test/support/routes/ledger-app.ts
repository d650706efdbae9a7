import { pino } from 'pino'
import { test as base, expect } from 'vitest'
import { OPERATIONS } from '../../../src/api-docs/operations.ts'
import * as answers from '../../../src/api-docs/responses.ts'
import { createAuthenticator } from '../../../src/auth/authenticator.ts'
import { PostgresRevocations } from '../../../src/auth/revocation-store.ts'
import { Auditor } from '../../../src/ledger/auditor.ts'
import { PostgresEventStore } from '../../../src/ledger/event-store.ts'
import { Executor } from '../../../src/ledger/executor.ts'
import { IdempotencyStore } from '../../../src/ledger/idempotency-store.ts'
import { LimitsAndAlerts } from '../../../src/ledger/limits-and-alerts.ts'
import { Reader } from '../../../src/ledger/reader.ts'
import { connect, type Sql } from '../../../src/postgres/database.ts'
import { MemoryBus } from '../../../src/realtime/bus/memory-bus.ts'
import { EventPages } from '../../../src/realtime/stream/event-pages.ts'
import { Hub } from '../../../src/realtime/stream/hub.ts'
import type { AppDeps, createApp } from '../../../src/routes/app.ts'
import { edge } from '../http/stub.ts'
import { createDatabase, mintToken, TEST_SECRET, type TestDatabase } from '../index.ts'
import { revocations } from '../strangers.ts'

/** Who sends a request: a user of the default tenant without a role, unless it says otherwise. */
export interface Caller {
  sub: string
  roles?: string[]
  tenant?: string
}

export interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where that is not there
  body: any
  text: string
  headers: Headers
}

export interface LedgerApp {
  app: ReturnType<typeof createApp>
  sql: Sql
  database: TestDatabase
  cache: AppDeps['cache']
  /** A connection as the owner of every table. */
  owner(): Promise<Sql>
  /** Sends one request; its answer is held against the documented form. `path` may hold a query. */
  call(
    caller: Caller | null,
    request: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  /** Gives a user so much, through a topup that an admin approves. */
  fund(userId: string, amount: number, currency?: string): Promise<void>
  close(): Promise<void>
}

export const alice: Caller = { sub: 'alice' }
export const bob: Caller = { sub: 'bob' }
export const admin: Caller = { sub: 'ada', roles: ['admin'] }
export const service: Caller = { sub: 'booking', roles: ['service'] }
export const foreignAdmin: Caller = { sub: 'ada', roles: ['admin'], tenant: 'other' }

const STATE: Awaited<ReturnType<AppDeps['system']>> = {
  version: '0.0.0',
  uptimeSeconds: 1,
  memoryBytes: 1,
  connections: {},
  users: 0,
  events: { perSecond: 0, recent: [], total: 0 },
  outbox: null,
  postgres: { ok: true, latencyMs: 1 },
  redis: { ok: true, kind: 'memory', state: 'live' },
  stream: { ok: true, state: 'live' },
}

/** The app on a real Postgres, with the cache of a machine without Redis. */
export async function ledgerApp(overrides: Partial<AppDeps> = {}): Promise<LedgerApp> {
  const database = await createDatabase()
  const sql = connect(database.appUrl, { max: 4 })
  const cache = new MemoryBus({
    epoch: 'test',
    currency: 'USD',
    logger: pino({ level: 'silent' }),
  })
  const store = await PostgresEventStore.open(sql)
  const hub = new Hub({ bus: cache, store, logger: pino({ level: 'silent' }) })
  let issued = 0
  const { app } = edge({
    authenticator: createAuthenticator({
      keys: { kind: 'secret', secret: TEST_SECRET },
      revocations,
    }),
    executor: new Executor(sql),
    idempotency: new IdempotencyStore(sql),
    reader: new Reader(sql),
    auditor: new Auditor(sql),
    limitsAndAlerts: new LimitsAndAlerts(sql),
    // Stored, and no more: no token stops counting here.
    revocations: new PostgresRevocations(sql),
    tickets: {
      issue: async () => ({ ticket: `ticket ${++issued}`, expiresAt: '2030-01-01T00:00:00Z' }),
    },
    eventPages: new EventPages({ store, hub, currency: 'USD', draining: () => false }),
    system: async () => STATE,
    cache,
    ...overrides,
  })

  let owner: Sql | undefined
  const call: LedgerApp['call'] = async (caller, request, body, headers = {}) => {
    const [method = '', path = ''] = request.split(' ')
    const response = await app.request(path, {
      method,
      headers: {
        ...(caller && { Authorization: `Bearer ${await mintToken(caller)}` }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const json = response.headers.get('Content-Type') === 'application/json'
    const answer = {
      status: response.status,
      body: json ? JSON.parse(text) : undefined,
      text,
      headers: response.headers,
    }
    if (json) expectDocumented(method, path, answer)
    return answer
  }

  return {
    app,
    sql,
    database,
    cache,
    call,
    async owner() {
      owner ??= connect(database.ownerUrl, { max: 1 })
      return owner
    },
    async fund(userId, amount, currency) {
      const { body } = await call({ sub: userId }, 'POST /transactions/topup', {
        amount,
        ...(currency && { currency }),
      })
      const processed = await call(admin, `PATCH /transactions/topup/${body.id}/process`, {
        status: 'success',
      })
      expect(processed.status).toBe(200)
    },
    async close() {
      hub.close()
      await owner?.end()
      await sql.end()
      await database.drop()
    },
  }
}

function expectDocumented(method: string, path: string, { status, body }: Answer) {
  if (status >= 400 && !path.startsWith('/health')) {
    return expect(answers.problem.strict().parse(body)).toBeTruthy()
  }
  const bare = path.split('?')[0] ?? ''
  const name = Object.keys(OPERATIONS)
    // The longest pattern without a wildcard wins, as in the router.
    .sort((a, b) => Number(a.includes(':')) - Number(b.includes(':')))
    .find((operation) =>
      new RegExp(`^${operation.replace(/:\w+/g, '[^/]+')}$`).test(`${method} ${bare}`),
    )
  const operation = name === undefined ? undefined : OPERATIONS[name]
  if (!operation) return
  const [expected, schema] = operation.success
  if (status < 300) expect([request(name), status]).toEqual([request(name), expected])
  if (!Array.isArray(schema)) (schema as typeof answers.transaction).strict?.().parse(body)
}

const request = (name: string | undefined) => name ?? 'unknown'

/** Tests on one app a file. `test.override('parts', …)` opens it with other parts. */
export const test = base
  .extend('parts', { scope: 'file' }, ({}): Partial<AppDeps> => ({}))
  .extend('api', { scope: 'file' }, async ({ parts }, { onCleanup }) => {
    const api = await ledgerApp(parts)
    onCleanup(() => api.close())
    return api
  })
