import type { AddressInfo } from 'node:net'
import pkg from '../package.json' with { type: 'json' }
import { API_DOCUMENTS } from './api-docs/documents.ts'
import { createAuthenticator } from './auth/authenticator.ts'
import { PostgresRevocations } from './auth/revocation-store.ts'
import { Revocations } from './auth/revocations.ts'
import { ownSecret } from './auth/secret.ts'
import type { Config } from './config/config.ts'
import { parseConnectionString } from './config/connection-string.ts'
import { type CachedReadsOptions, cachedReads } from './http/cached-reads.ts'
import { openFilesLimit } from './http/connection-cap.ts'
import { RequestMeter } from './http/middleware/observe.ts'
import { createServer } from './http/server.ts'
import { webPages } from './http/web-pages.ts'
import { Auditor } from './ledger/auditor.ts'
import { PostgresEventStore } from './ledger/event-store.ts'
import { Executor } from './ledger/executor.ts'
import { IdempotencyStore } from './ledger/idempotency-store.ts'
import { LimitsAndAlerts } from './ledger/limits-and-alerts.ts'
import { createMaintenance } from './ledger/maintenance.ts'
import { LedgerMeter } from './ledger/observer.ts'
import { Reader } from './ledger/reader.ts'
import type { Logger } from './lib/log.ts'
import type { ShutdownStack } from './lib/shutdown-stack.ts'
import { createDemo } from './local/demo.ts'
import { ensurePort } from './local/ports.ts'
import { chooseRedis, openDatabase } from './local/services.ts'
import { EventLoopWatch } from './observability/event-loop-watch.ts'
import { createLivenessCheck, createReadinessCheck } from './observability/health.ts'
import { createMetricSources } from './observability/metrics.ts'
import { createExposition } from './observability/prometheus.ts'
import { createSystemStatus } from './observability/system-status.ts'
import type { Tracing } from './observability/tracing.ts'
import { currentUser } from './postgres/app-role.ts'
import { createPools, SESSIONS } from './postgres/database.ts'
import { Listener } from './postgres/listener.ts'
import { MigrationError, migrate } from './postgres/migrate.ts'
import { SchemaCheck, tryWrite } from './postgres/schema-check.ts'
import { whenReachable } from './postgres/wait.ts'
import { RateLimiter } from './rate-limit/limiter.ts'
import type { BalanceCache } from './realtime/bus/bus.ts'
import { Gateway } from './realtime/gateway.ts'
import { PublishMeter } from './realtime/metrics.ts'
import { startPublishing } from './realtime/outbox.ts'
import { eventStreams } from './realtime/transports/sse.ts'
import { createApp } from './routes/app.ts'

/** A running server. */
export interface Running {
  address: AddressInfo
  /** The data folder of the private Postgres. Undefined with an external database. */
  dataDir: string | undefined
  /** Names the Redis, for a person. */
  redis: string
  /** Signs HS256 tokens. Undefined if a key set verifies the tokens. */
  secret: string | undefined
}

/** Given to every part of the server. */
interface Context {
  config: Config
  log: Logger
  releases: ShutdownStack
  tracing: Tracing | undefined
  meters: ReturnType<typeof createMeters>
}

type Storage = Awaited<ReturnType<typeof openStorage>>
type Realtime = Awaited<ReturnType<typeof startRealtime>>
type Ledger = ReturnType<typeof startLedger>

/**
 * Starts the whole server. `releases` holds everything that was started, even if a later step fails. Running it
 * shuts down gracefully: streams end spread over `drainSeconds`, requests finish, and the outbox is published.
 */
export async function startServer(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
): Promise<Running> {
  await ensurePort(config.port, config.host)
  const { app, cached, gateway, startMaintenance, ...rest } = await startApp(config, log, releases)
  const server = createServer({
    fetch: app.fetch,
    // With tracing every request goes through the app, which makes its span.
    before: config.tracing ? undefined : (app) => cachedReads(cached, app),
    gateway,
    logger: log,
    openFiles: openFilesLimit(),
  })
  releases.add(() => server.drain(config.drainSeconds))
  const address = await server.listen(config.port, config.host)
  startMaintenance()
  return { address, ...rest }
}

/** Starts everything but an HTTP server, for which `app` and `gateway` are the parts. */
export async function startApp(config: Config, log: Logger, releases: ShutdownStack) {
  const tracing = await openTracing(config, log, releases)
  const context: Context = { config, log, releases, tracing, meters: createMeters() }
  const storage = await openStorage(context)
  const realtime = await startRealtime(context, storage)
  const ledger = startLedger(context, storage, realtime)
  const { dataDir, redis, secret } = storage
  return {
    ...createHttp(context, storage, realtime, ledger),
    gateway: realtime.gateway,
    /** Call it when requests are served. */
    startMaintenance() {
      ledger.startMaintenance()
      storage.listen('livebalance_outbox', realtime.sweep)
    },
    ...{ dataDir, redis: redis.description, secret },
  }
}

function createMeters() {
  return {
    requests: new RequestMeter(),
    ledger: new LedgerMeter(),
    publishing: new PublishMeter(),
    cacheReads: { hits: 0, misses: 0 },
  }
}

async function openTracing(
  { tracing: config }: Config,
  log: Logger,
  releases: ShutdownStack,
): Promise<Tracing | undefined> {
  if (!config) return undefined
  const { startTracing } = await import('./observability/tracing.ts')
  const tracing = startTracing({ config, version: pkg.version, log })
  releases.add(() => tracing.close())
  return tracing
}

/** Opens or starts Postgres and Redis, migrates the database, and finds the keys of tokens. */
async function openStorage({ config, log, releases }: Context) {
  const database = await openDatabase(config, log, releases)
  const { appRole, canUseAppRole, warnings } = await whenReachable(
    () => migrate(database.ownerUrl, { appRole: database.appRole }),
    { forMs: config.databaseWaitMs, log },
  )
  for (const warning of warnings) log.warn(warning)
  const dataDir = database.dataDir ?? config.dataDir
  const redis = await chooseRedis(config, dataDir, log, releases)
  const keys =
    config.tokenKeys.kind === 'generated'
      ? { kind: 'secret' as const, secret: await ownSecret(dataDir) }
      : config.tokenKeys
  const switchesRole = database.appUrl === database.ownerUrl && canUseAppRole
  const role = switchesRole ? appRole : undefined
  const pool = createPools({ ...config, url: database.appUrl, role }, releases)
  const readers = pool('readers')
  // A pooler may pass no role on, and say nothing.
  const guarded = canUseAppRole && (!switchesRole || (await currentUser(readers)) === appRole)
  const unguarded = guarded ? undefined : `the server does not work as the role ${appRole}`
  if (unguarded !== undefined) {
    if (config.requireAppRole) {
      throw new MigrationError(`this login cannot take on the role ${appRole} (REQUIRE_APP_ROLE)`)
    }
    log.warn(
      { appRole },
      `${unguarded}, which could change no entry: docs/guide/deployment.md, "Logins"`,
    )
  }
  return {
    /** The data folder of a private Postgres. */
    dataDir: database.dataDir,
    redis,
    keys,
    secret: keys.kind === 'secret' ? keys.secret : undefined,
    /** The reason why the server has more rights in the database than it needs. */
    unguarded,
    pool,
    writers: pool('writers'),
    readers,
    /** Calls back at each notification on a channel. A pooler that shares sessions passes none on. */
    listen(channel: string, notified: () => void): void {
      if (parseConnectionString(database.appUrl).pooled) return
      const listener = new Listener(database.appUrl, channel, notified, { role, log })
      releases.add(() => listener.close())
    },
  }
}

/** Starts the way from a commit to the connections, and the checks that decide who may connect. */
async function startRealtime(
  { config, log, releases, tracing, meters }: Context,
  { redis, keys, pool, readers }: Storage,
) {
  const { currency, corsOrigins } = config
  // At the same time, because each waits for Postgres to open a session.
  const [store, revocations] = await Promise.all([
    PostgresEventStore.open(readers),
    Revocations.open({
      store: new PostgresRevocations(pool('revokers'), {
        background: readers,
        maxLifetimeSeconds: config.jwtMaxLifetime,
      }),
      log,
      announce: (): Promise<void> => bus.announceRevocation(),
    }),
  ])
  releases.add(async () => revocations.close())
  const observers = [meters.publishing, ...(tracing ? [tracing.publishing] : [])]
  const { bus, onCommitted, sweep } = startPublishing(
    { redis: redis.target, store, currency, log, observers },
    releases,
  )
  bus.listen({ message: () => {}, link: () => {}, revoked: () => revocations.announced() })
  const authenticator = createAuthenticator({
    keys,
    issuers: config.jwtIssuers,
    claims: config.jwtClaims,
    audience: config.jwtAudience,
    maxLifetimeSeconds: config.jwtMaxLifetime,
    revocations,
    log,
  })
  const limiter = new RateLimiter({ store: bus.rates, ...config.rateLimits })
  const gateway = new Gateway({
    ...{ bus, store, authenticator, revocations, limiter, currency, corsOrigins },
    logger: log,
    tracer: tracing?.deliveries,
  })
  return { store, revocations, bus, onCommitted, sweep, authenticator, limiter, gateway }
}

/** Creates the parts that read and change the ledger. */
function startLedger(
  { config, log, releases, tracing, meters }: Context,
  { pool, writers, readers }: Storage,
  { bus, onCommitted }: Realtime,
) {
  const executor = new Executor(writers, {
    onCommitted,
    inFlight: SESSIONS.writers,
    retryForMs: config.requestTimeoutMs,
    observers: [meters.ledger, ...(tracing ? [tracing.ledger] : [])],
  })
  const startMaintenance = createMaintenance(
    { sql: readers, executor, log, eventRetentionSeconds: config.eventRetentionSeconds },
    releases,
  )
  const reader = new Reader(readers)
  return {
    executor,
    /** Called when the server listens, so that it does not delay the start. */
    startMaintenance,
    reader: tracing?.spanned(reader, 'postgresql', TRACED_READS) ?? reader,
    idempotency: new IdempotencyStore(readers, { waitTimeoutMs: config.requestTimeoutMs }),
    limitsAndAlerts: new LimitsAndAlerts(readers),
    auditor: new Auditor(pool('auditors'), {
      onCommitted,
      onVerified: async (wallets) => {
        await Promise.all(wallets.map((w) => bus.fill(w, w.currency, w.balance, w.seq)))
      },
    }),
  }
}

/** Calls that become spans of their request. */
const TRACED_READS = [
  'balance',
  'balances',
  'balanceAt',
  'snapshot',
  'transaction',
  'transactions',
  'requests',
] as const

/** Creates the app with its routes, and what observes the server from outside. */
function createHttp(
  { config, log, releases, tracing, meters }: Context,
  { secret, unguarded, writers, readers }: Storage,
  { store, revocations, bus, authenticator, limiter, gateway }: Realtime,
  { executor, reader, idempotency, limitsAndAlerts, auditor }: Ledger,
) {
  const { version } = pkg
  const { currency, corsOrigins } = config
  const { requests, cacheReads } = meters
  const watch = new EventLoopWatch({ log })
  releases.add(async () => watch.close())
  const demo = createDemo(config, secret)
  const app = createApp({
    ...{ authenticator, limiter, corsOrigins, currency, requests, cacheReads, revocations, log },
    ...{ executor, reader, idempotency, limitsAndAlerts, auditor },
    requestTimeoutMs: config.requestTimeoutMs,
    auditTimeoutMs: config.auditTimeoutMs,
    confirmAbove: config.confirmAbove,
    tracer: tracing?.requests,
    metrics: createExposition(
      createMetricSources({ version, ...meters, executor, outbox: store, gateway, bus, limiter }),
    ),
    cache: tracing?.spanned<BalanceCache>(bus, 'redis', ['cachedBalance']) ?? bus,
    tickets: gateway.tickets,
    eventPages: gateway.eventPages,
    refusedOrigins: gateway.refusedOrigins,
    streams: eventStreams(gateway),
    liveness: createLivenessCheck(watch),
    readiness: createReadinessCheck(new SchemaCheck(readers, store.epoch), gateway, {
      unguarded,
      tryWrite: () => tryWrite(writers),
    }),
    system: createSystemStatus({ version, sql: readers, outbox: store, bus, gateway }),
    documents: API_DOCUMENTS,
    web: webPages(),
    ...(demo && { demo }),
  })
  const cached: CachedReadsOptions = {
    ...{ authenticator, limiter, cache: bus, cacheReads, requests, log, currency, corsOrigins },
  }
  return { app, cached }
}
