import { pino } from 'pino'
import { test as base, expect } from 'vitest'
import { OPERATIONS } from '../../../src/api-docs/operations.ts'
import * as answers from '../../../src/api-docs/responses.ts'
import { ApiKeyStore } from '../../../src/auth/api-key-store.ts'
import { ApiKeys } from '../../../src/auth/api-keys.ts'
import { createAuthenticator } from '../../../src/auth/authenticator.ts'
import { createAccess, createGate } from '../../../src/auth/gate.ts'
import { PostgresRevocations } from '../../../src/auth/revocation-store.ts'
import { PushMeter, WebhookMeter } from '../../../src/deliveries/metrics.ts'
import { createPush } from '../../../src/deliveries/push-notifications.ts'
import { createWebhooks } from '../../../src/deliveries/webhooks.ts'
import { Analytics } from '../../../src/ledger/analytics-reader.ts'
import { Auditor } from '../../../src/ledger/auditor.ts'
import { AutoTopupStore } from '../../../src/ledger/auto-topups.ts'
import { Deeds } from '../../../src/ledger/deeds.ts'
import { PostgresEventStore } from '../../../src/ledger/event-store.ts'
import { oneStore } from '../../../src/ledger/event-stores.ts'
import { Executor } from '../../../src/ledger/executor.ts'
import { FourEyes } from '../../../src/ledger/four-eyes.ts'
import { Freezes } from '../../../src/ledger/freezes.ts'
import { IdempotencyStore } from '../../../src/ledger/idempotency-store.ts'
import { LimitsAndAlerts } from '../../../src/ledger/limits-and-alerts.ts'
import { ProviderLedger } from '../../../src/ledger/provider-events.ts'
import { Reader } from '../../../src/ledger/reader.ts'
import { TransactionSearch } from '../../../src/ledger/search.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { newVapidKeys } from '../../../src/lib/vapid.ts'
import { connect, type Sql } from '../../../src/postgres/database.ts'
import { openProviders, Payments, type ProviderSettings } from '../../../src/providers/providers.ts'
import { MemoryBus } from '../../../src/realtime/bus/memory-bus.ts'
import { EventPages } from '../../../src/realtime/stream/event-pages.ts'
import { Hub } from '../../../src/realtime/stream/hub.ts'
import type { AppDeps, createApp } from '../../../src/routes/app.ts'
import { EffectiveSettings } from '../../../src/tenants/effective-settings.ts'
import { TenantStore } from '../../../src/tenants/tenant-store.ts'
import { Tenants } from '../../../src/tenants/tenants.ts'
import { edge } from '../http/stub.ts'
import { createDatabase, mintToken, TEST_SECRET, type TestDatabase } from '../index.ts'
import { revocations } from '../strangers.ts'

/** Who sends a request: a user of the default tenant without a role, unless it says otherwise. */
export interface Caller {
  sub: string
  roles?: string[]
  tenant?: string
  /** Of another issuer than the server. */
  secret?: string
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
export const operator: Caller = { sub: 'opal', roles: ['operator'] }
export const foreignAdmin: Caller = { sub: 'ada', roles: ['admin'], tenant: 'other' }

type State = Awaited<ReturnType<AppDeps['system']>>

const TENANT_STATE: State = {
  ...{ scope: 'tenant', version: '0.0.0', connections: 0 },
  ...{ payments: { ok: true }, events: { ok: true } },
}
const STATE: State = {
  scope: 'installation',
  ...{ id: 'a', host: 'here', version: '0.0.0', eventLoopDelayMs: 0 },
  uptimeSeconds: 1,
  memoryBytes: 1,
  connections: {},
  users: 0,
  events: { perSecond: 0, recent: [], total: 0 },
  outbox: null,
  postgres: { ok: true, latencyMs: 1 },
  redis: { ok: true, kind: 'memory', state: 'live' },
  stream: { ok: true, state: 'live' },
  cluster: { processes: [], live: 1, connections: {}, users: 0 },
}

const silent = pino({ level: 'silent' })

export interface Parts extends Partial<AppDeps> {
  /** Default: none is configured. */
  providers?: ProviderSettings
}

/** The app on a real Postgres, with the cache of a machine without Redis. */
export async function ledgerApp({ providers, ...overrides }: Parts = {}): Promise<LedgerApp> {
  const database = await createDatabase()
  const sql = connect(database.appUrl, { max: 4 })
  const cache = new MemoryBus({
    epoch: 'test',
    currency: 'USD',
    logger: silent,
  })
  const releases = new ShutdownStack()
  const store = await PostgresEventStore.open(sql)
  const hub = new Hub({ bus: cache, store, logger: silent })
  const providerLedger = new ProviderLedger(sql)
  const configured = await openProviders(
    { stripe: undefined, signed: undefined, ...providers },
    providerLedger,
  )
  let issued = 0
  const announced = { log: silent, announce: async () => {} }
  const tenants = await Tenants.open({ store: new TenantStore(sql), ...announced })
  releases.add(async () => tenants.close())
  const apiKeys = await ApiKeys.open({ store: new ApiKeyStore(sql), ...announced })
  releases.add(() => apiKeys.close())
  const tokens = createAuthenticator({
    keys: { kind: 'secret', secret: TEST_SECRET },
    ...{ revocations, tenants },
  })
  const origins = { currency: 'USD', corsOrigins: ['https://app.example.com'] }
  const { app } = edge({
    authenticator: createAccess(tokens, createGate({ tenants, keys: apiKeys }), apiKeys),
    settings: new EffectiveSettings(origins, tenants),
    ...{ tenants, apiKeys },
    executor: new Executor(sql),
    idempotency: new IdempotencyStore(sql),
    reader: new Reader(sql),
    auditor: new Auditor(sql),
    analytics: new Analytics(sql),
    limitsAndAlerts: new LimitsAndAlerts(sql),
    fourEyes: new FourEyes(sql),
    freezes: new Freezes(sql, { currency: 'USD' }),
    deeds: new Deeds(sql),
    transactionSearch: new TransactionSearch(sql, { walkedPerPage: 2_000 }),
    payments: new Payments(configured, { ledger: providerLedger, log: silent }),
    providerLedger,
    autoTopups: { store: new AutoTopupStore(sql), provider: 'stripe' },
    // Stored, and no more: no token stops counting here.
    revocations: new PostgresRevocations(sql),
    tickets: {
      issue: async () => ({ ticket: `ticket ${++issued}`, expiresAt: '2030-01-01T00:00:00Z' }),
    },
    eventPages: new EventPages({
      ...{ bus: cache, stores: oneStore(store), hub, currency: 'USD' },
      draining: () => false,
    }),
    webhooks: createWebhooks(
      { sql, epoch: store.epoch, allowPrivate: false, meter: new WebhookMeter(), log: silent },
      releases,
    ),
    push: createPush(
      {
        ...{ sql, epoch: store.epoch, allowPrivate: false, maxAgeSeconds: 3600, log: silent },
        ...{ vapid: { ...newVapidKeys(), subject: 'mailto:a@b.c' }, meter: new PushMeter() },
      },
      releases,
    ),
    system: async ({ isOperator }) => (isOperator ? STATE : TENANT_STATE),
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
      await releases.run()
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
  .extend('parts', { scope: 'file' }, ({}): Parts => ({}))
  .extend('api', { scope: 'file' }, async ({ parts }, { onCleanup }) => {
    const api = await ledgerApp(parts)
    onCleanup(() => api.close())
    return api
  })
