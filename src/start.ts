import type { AddressInfo } from 'node:net'
import pkg from '../package.json' with { type: 'json' }
import { API_DOCUMENTS } from './api-docs/documents.ts'
import { createAuthenticator } from './auth/authenticator.ts'
import { PostgresRevocations } from './auth/postgres-revocations.ts'
import { Revocations } from './auth/revocations.ts'
import { ownSecret } from './auth/secret.ts'
import type { Config } from './config/config.ts'
import { cachedReads } from './http/cached-reads.ts'
import { RequestMeter } from './http/middleware/request-report.ts'
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
import { MigrationError, migrate } from './postgres/migrate.ts'
import { poolsOf, SESSIONS } from './postgres/pools.ts'
import { SchemaCheck, tryWrite } from './postgres/schema-check.ts'
import { RateLimiter } from './rate-limit/limiter.ts'
import type { BalanceCache } from './realtime/bus/bus.ts'
import { Gateway } from './realtime/gateway.ts'
import { PublishMeter } from './realtime/metrics.ts'
import { startPublishing } from './realtime/outbox.ts'
import { eventStreams } from './realtime/transports/sse.ts'
import { createApp } from './routes/app.ts'

/** A server that answers. */
export interface Running {
  address: AddressInfo
  /** Where the private Postgres keeps its data; undefined with a database of one's own. */
  dataDir: string | undefined
  /** What the server runs on for Redis, for a person. */
  redis: string
  /** Of HS256 tokens; undefined where a key set verifies them. */
  secret: string | undefined
}

/** Calls that become spans of their request. */
const READS = [
  'balance',
  'balances',
  'balanceAt',
  'snapshot',
  'transaction',
  'transactions',
  'requests',
] as const

/**
 * Starts the whole server. What was started is in `releases` also when a later step fails: run them to
 * stop, gracefully: streams end spread over `drainSeconds`, requests in flight finish, the outbox empties.
 */
export async function startServer(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
): Promise<Running> {
  await ensurePort(config.port, config.host)
  const tracing = await tracingOf(config, log)
  if (tracing) releases.add(() => tracing.close())
  const database = await openDatabase(config, log, releases)
  const { appRole, canUseAppRole } = await migrate(database.ownerUrl, { appRole: database.appRole })
  const unguarded = canUseAppRole ? undefined : `the server does not work as the role ${appRole}`
  if (unguarded !== undefined) {
    if (config.requireAppRole) {
      throw new MigrationError(`this login cannot take on the role ${appRole} (REQUIRE_APP_ROLE)`)
    }
    log.warn(
      { appRole },
      `${unguarded}, which could change no entry: docs/guide/deployment.md, "Logins"`,
    )
  }
  const dataDir = database.dataDir ?? config.dataDir
  const redis = await chooseRedis(config, dataDir, log, releases)
  const keys =
    config.tokenKeys.kind === 'generated'
      ? { kind: 'secret' as const, secret: await ownSecret(dataDir) }
      : config.tokenKeys

  const secret = keys.kind === 'secret' ? keys.secret : undefined
  const demo = createDemo(config, secret)

  const takesOn = database.appUrl === database.ownerUrl && canUseAppRole
  const role = takesOn ? appRole : undefined
  const pool = poolsOf({ ...config, url: database.appUrl, role }, releases)
  const writers = pool('writers')
  const readers = pool('readers')

  // Side by side: for the most part both wait for Postgres to make a session.
  const [store, revocations] = await Promise.all([
    PostgresEventStore.open(readers),
    Revocations.open({
      store: new PostgresRevocations(pool('revokers'), {
        atLeisure: readers,
        maxLifetime: config.jwtMaxLifetime,
      }),
      log,
      announce: (): Promise<void> => bus.announceRevocation(),
    }),
  ])
  releases.add(async () => revocations.close())

  const meters = {
    requests: new RequestMeter(),
    ledger: new LedgerMeter(),
    publishing: new PublishMeter(),
    cacheReads: { hits: 0, misses: 0 },
  }
  const { requests, cacheReads } = meters

  const { bus, onCommitted } = startPublishing(
    {
      ...{ redisUrl: redis.url, store, currency: config.currency, log },
      observers: [meters.publishing, ...(tracing ? [tracing.publishing] : [])],
    },
    releases,
  )

  bus.listen({ message: () => {}, link: () => {}, revoked: () => revocations.announced() })
  const authenticator = createAuthenticator({
    keys,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    maxLifetime: config.jwtMaxLifetime,
    revocations,
    log,
  })
  const limiter = new RateLimiter({ store: bus.rates, ...config.rateLimits })
  const gateway = new Gateway({
    bus,
    store,
    authenticator,
    revocations,
    limiter,
    logger: log,
    currency: config.currency,
    corsOrigins: config.corsOrigins,
    tracer: tracing?.deliveries,
  })

  const executor = new Executor(writers, {
    onCommitted,
    inFlight: SESSIONS.writers,
    retryFor: config.requestTimeoutMs,
    observers: [meters.ledger, ...(tracing ? [tracing.ledger] : [])],
  })
  const startHousekeeping = createMaintenance(
    { sql: readers, executor, log, eventRetention: config.eventRetentionSeconds },
    releases,
  )

  const watch = new EventLoopWatch({ log })
  releases.add(async () => watch.close())
  const metrics = createExposition(
    createMetricSources({
      version: pkg.version,
      ...meters,
      executor,
      outbox: store,
      gateway,
      bus,
      limiter,
    }),
  )

  const reader = new Reader(readers)
  const app = createApp({
    authenticator,
    limiter,
    corsOrigins: config.corsOrigins,
    requestTimeoutMs: config.requestTimeoutMs,
    currency: config.currency,
    executor,
    idempotency: new IdempotencyStore(readers, { patience: config.requestTimeoutMs }),
    requests,
    tracer: tracing?.requests,
    metrics,
    reader: tracing?.spanned(reader, 'postgresql', READS) ?? reader,
    auditTimeoutMs: config.auditTimeoutMs,
    auditor: new Auditor(pool('auditors'), {
      onCommitted,
      onVerified: async (wallets) => {
        await Promise.all(wallets.map((w) => bus.fill(w, w.currency, w.balance, w.seq)))
      },
    }),
    limitsAndAlerts: new LimitsAndAlerts(readers),
    cache: tracing?.spanned<BalanceCache>(bus, 'redis', ['cachedBalance']) ?? bus,
    cacheReads,
    tickets: gateway.tickets,
    revocations,
    streams: eventStreams(gateway),
    liveness: createLivenessCheck(watch),
    readiness: createReadinessCheck(new SchemaCheck(readers, store.epoch), gateway, {
      unguarded,
      tryWrite: () => tryWrite(writers),
    }),
    system: createSystemStatus({ version: pkg.version, sql: readers, outbox: store, bus, gateway }),
    documents: API_DOCUMENTS,
    web: webPages(),
    confirmAbove: config.confirmAbove,
    ...(demo && { demo }),
    log,
  })

  const server = createServer({
    fetch: app.fetch,
    // Traced, every request is a span, which is the app's to make.
    before: tracing
      ? undefined
      : (app) =>
          cachedReads(
            {
              ...{ authenticator, limiter, cache: bus, cacheReads, requests, log },
              ...{ currency: config.currency, corsOrigins: config.corsOrigins },
            },
            app,
          ),
    gateway,
    logger: log,
  })
  releases.add(() => server.drain(config.drainSeconds))
  const address = await server.listen(config.port, config.host)
  startHousekeeping()
  return {
    address,
    dataDir: database.dataDir,
    redis: redis.description,
    secret,
  }
}

async function tracingOf({ tracing }: Config, log: Logger): Promise<Tracing | undefined> {
  if (!tracing) return undefined
  const { startTracing } = await import('./observability/tracing.ts')
  return startTracing({ config: tracing, version: pkg.version, log })
}
