import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import pkg from '../package.json' with { type: 'json' }
import { API_DOCUMENTS } from './api-docs/documents.ts'
import { ApiKeyStore } from './auth/api-key-store.ts'
import { ApiKeys } from './auth/api-keys.ts'
import { createAuthenticator } from './auth/authenticator.ts'
import { createAccess, createGate } from './auth/gate.ts'
import { IdentityProvider } from './auth/identity-provider.ts'
import { PostgresRevocations } from './auth/revocation-store.ts'
import { Revocations } from './auth/revocations.ts'
import { SignIn } from './auth/sign-in.ts'
import type { Config } from './config/config.ts'
import { GuardedRequests } from './deliveries/guarded-request.ts'
import { type CachedReadsOptions, cachedReads } from './http/cached-reads.ts'
import { openFilesLimit } from './http/connection-cap.ts'
import { createServer } from './http/server.ts'
import { webPages } from './http/web-pages.ts'
import { epochOf, type PostgresEventStore } from './ledger/event-store.ts'
import { oneStore } from './ledger/event-stores.ts'
import type { Logger } from './lib/log.ts'
import type { ShutdownStack } from './lib/shutdown-stack.ts'
import { createDemo } from './local/demo.ts'
import { openStorage, type Storage } from './local/storage.ts'
import { EventLoopWatch } from './observability/event-loop-watch.ts'
import { createLivenessCheck, createReadinessCheck } from './observability/health.ts'
import { createMetricSources } from './observability/metrics.ts'
import { createExposition } from './observability/prometheus.ts'
import { SystemStatus } from './observability/system-status.ts'
import type { Tracing } from './observability/tracing.ts'
import { OUTBOX_CHANNEL } from './postgres/listener.ts'
import { openProviders, Payments } from './providers/providers.ts'
import { RateLimiter } from './rate-limit/limiter.ts'
import type { BalanceCache } from './realtime/bus/bus.ts'
import { Gateway } from './realtime/gateway.ts'
import { startOutbox, startPublishing } from './realtime/outbox.ts'
import { adminStreams, eventStreams, serviceStreams } from './realtime/transports/sse.ts'
import { createApp } from './routes/app.ts'
import { type Context, createMeters } from './start/context.ts'
import { createEvents, createLedger, type DatabaseParts } from './start/ledger.ts'
import { allBacklogs, checksOf, measured, otherChecks } from './start/observed.ts'
import { routedLedger } from './start/routed.ts'
import { mirrorTenant, TenantDatabases } from './start/tenant-databases.ts'
import { createActivity } from './tenants/activity.ts'
import { Databases } from './tenants/databases.ts'
import { Departures } from './tenants/departures.ts'
import { returnedTenants } from './tenants/homes.ts'
import { TenantStore } from './tenants/tenant-store.ts'
import { Tenants } from './tenants/tenants.ts'
import type { WorkerLink } from './workers/worker-link.ts'

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

export interface StartOptions {
  /** Default: opened at the start. */
  opening?: Promise<Storage>
  /** Default: no other process has this port. */
  worker?: WorkerLink | undefined
}

type Realtime = Awaited<ReturnType<typeof startRealtime>>
type Ledgers = Awaited<ReturnType<typeof startLedgers>>

/**
 * Starts the whole server. `releases` holds everything that was started, even if a later step fails. Running it
 * shuts down gracefully: streams end spread over `drainSeconds`, requests finish, and the outbox is published.
 */
export async function startServer(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
  options: StartOptions = {},
): Promise<Running> {
  const { server, begin, running } = await startHttp(config, log, releases, options)
  releases.add(() => server.drain(config.drainSeconds))
  const address = await server.listen(config.port, config.host)
  begin()
  return { address, ...running }
}

/** Starts the server of a worker. Its connections come from its parent. */
export async function startWorker(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
  options: StartOptions & { worker: WorkerLink },
): Promise<void> {
  const { worker } = options
  const { server, begin, metrics } = await startHttp(config, log, releases, options)
  const { values } = metrics
  worker.serve({ values, adopt: server.adopt, connections: () => server.adopted })
  releases.add(() => worker.sayLastValues())
  releases.add(() => server.drain(config.drainSeconds, { notice: !worker.replaced }))
  server.serveAdopted()
  begin()
}

/** Everything but a port. */
async function startHttp(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
  options: StartOptions,
) {
  const { app, cached, gateway, metrics, startMaintenance, startDeliveries, ...running } =
    await startApp(config, log, releases, options)
  const server = createServer({
    fetch: app.fetch,
    // With tracing every request goes through the app, which makes its span.
    before: config.tracing ? undefined : (app) => cachedReads(cached, app),
    gateway,
    logger: log,
    openFiles: openFilesLimit(),
    siblings: options.worker,
  })
  return {
    ...{ server, metrics, running },
    /** Call it when requests are served. */
    begin() {
      startMaintenance()
      startDeliveries()
    },
  }
}

/** Background work opens more sessions. It begins so long after it is started, and does not delay the first requests. */
const BACKGROUND_DELAY_MS = 500

/** Starts everything but an HTTP server, for which `app` and `gateway` are the parts. */
export async function startApp(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
  { opening = openStorage(config, log, releases), worker }: StartOptions = {},
) {
  const tracing = await openTracing(config, log, releases)
  const context: Context = { config, log, releases, tracing, meters: createMeters(), worker }
  const storage = await opening
  const realtime = await startRealtime(context, storage)
  const ledgers = await startLedgers(context, storage, realtime)
  const { dataDir, redis, secret } = storage
  const soon = (start: () => void) => {
    const timer = setTimeout(start, BACKGROUND_DELAY_MS)
    releases.add(async () => clearTimeout(timer))
  }
  const { system, ...http } = createHttp(context, storage, realtime, ledgers)
  return {
    ...http,
    gateway: realtime.gateway,
    /** Call it when requests are served. */
    startMaintenance() {
      soon(() => {
        realtime.databases.main.startMaintenance()
        realtime.activity.start()
        storage.listen(OUTBOX_CHANNEL, realtime.publishing.sweep)
        system.start()
        ledgers.tenantDatabases.onReached((parts) => parts.startMaintenance())
      })
    },
    /** Call it where the process runs for long. */
    startDeliveries() {
      soon(() => {
        const { webhooks, push } = realtime.databases.main
        webhooks.start()
        push.start()
        ledgers.tenantDatabases.onReached((parts) => {
          parts.webhooks.start()
          parts.push.start()
        })
      })
    },
    ...{ dataDir, redis: redis.description, secret },
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

/** Starts the way from a commit to the connections, and the checks that decide who may connect. */
async function startRealtime(
  context: Context,
  { redis, keys, sessionSecret, vapid, pools }: Storage,
) {
  const { config, log, releases, tracing, meters, worker } = context
  const { readers, revokers } = pools
  const { currency, corsOrigins } = config
  const databases = new Databases<DatabaseParts>(config.tenantDatabases)
  const tenantStore = new TenantStore(revokers, readers, (tenant) =>
    databases.areSeveral ? databases.of(tenant).pools.readers : readers,
  )
  const announced = { log, announce: (): Promise<void> => bus.announceRevocation() }
  const departures = new Departures({ databases, log })
  releases.add(() => departures.stop())
  const [epoch, returned, revocations, tenants, apiKeys] = await Promise.all([
    epochOf(revokers),
    returnedTenants(revokers),
    Revocations.open({
      store: new PostgresRevocations(revokers, {
        background: readers,
        maxLifetimeSeconds: config.jwtMaxLifetime,
      }),
      ...announced,
    }),
    Tenants.open({
      ...{ store: tenantStore, ...announced },
      onStored: (tenant) => mirrorTenant(databases, tenant),
    }),
    ApiKeys.open({ store: new ApiKeyStore(revokers, readers), ...announced }),
  ])
  releases.add(async () => revocations.close())
  releases.add(async () => tenants.close())
  releases.add(() => apiKeys.close())
  const events = createEvents(context, pools, epoch, vapid, (notices) =>
    publishing.announce(notices),
  )
  const { store, onMarked } = events
  const observers = publishObservers(meters, tracing)
  const { bus, ...publishing } = startPublishing(
    {
      ...{ redis: redis.target, store, currency, log, observers, onMarked },
      history: config.eventHistory,
      shards: config.shards,
      returned,
    },
    releases,
  )
  bus.listen({
    message: () => {},
    link: () => {},
    revoked() {
      revocations.announced()
      tenants.announced()
      apiKeys.announced()
    },
  })
  const keySets = new GuardedRequests({ allowPrivate: config.webhookAllowPrivate, timeoutMs: 5000 })
  releases.add(async () => keySets.close())
  const tokens = createAuthenticator({
    ...{ keys, sessionSecret },
    issuers: config.jwtIssuers,
    claims: config.jwtClaims,
    audience: config.jwtAudience,
    maxLifetimeSeconds: config.jwtMaxLifetime,
    ...{ revocations, tenants, log },
    fetchTenantSet: (url) => keySets.getJson(new URL(url)),
  })
  const gate = createGate({
    ...{ tenants, keys: apiKeys, onlyMade: config.onlyMadeTenants },
    isReached: (tenant) => databases.isReached(tenant),
    departures,
  })
  const authenticator = createAccess(tokens, gate, apiKeys)
  const limiter = new RateLimiter({ store: bus.rates, ...config.rateLimits, tenants })
  const gateway = new Gateway({
    ...{
      bus,
      store,
      stores: storesOf(databases, store),
      authenticator,
      revocations,
      limiter,
      currency,
      corsOrigins,
      gate,
      tenants,
    },
    maxRate: config.streamMaxRate,
    logger: log,
    tracer: tracing?.deliveries,
    sessionId: worker && ((random) => worker.sessionId(random)),
  })
  const process = randomUUID()
  const activity = createActivity({
    ...{ store: tenantStore, log, process },
    requests: () => limiter.countedRequests(),
    connections: () => gateway.connections.byTenant,
  })
  releases.add(() => activity.stop())
  const connectionsElsewhere = (tenant: string) => tenantStore.connectionsElsewhere(tenant, process)
  return {
    ...{ databases, departures, events, revocations, tenants, apiKeys, activity, bus, publishing },
    ...{ authenticator, limiter, gateway, connectionsElsewhere },
  }
}

/** The events of the main database are there before the rest of it. */
function storesOf(databases: Databases<DatabaseParts>, main: PostgresEventStore) {
  if (!databases.areSeveral) return oneStore(main)
  return {
    of: (tenant: string) => (databases.isOfMain(tenant) ? main : databases.of(tenant).store),
    epochOf: (tenant: string) =>
      (databases.isOfMain(tenant) ? main : databases.placeOf(tenant).parts?.store)?.epoch,
  }
}

/** Opens the ledger of each database. */
async function startLedgers(
  context: Context,
  storage: Storage,
  { events, bus, gateway, publishing, databases, departures }: Realtime,
) {
  const { config, log, meters, tracing } = context
  const providers = await openProviders(config.providers, {
    paymentOf: (...asked) => ledger.providerLedger.paymentOf(...asked),
    linkPayment: (...asked) => ledger.providerLedger.linkPayment(...asked),
  })
  const common = { bus, gateway, providers }
  const { pools } = storage
  databases.begin({
    ...events,
    ...createLedger(context, {
      ...{ ...common, pools, publishing, store: events.store, replicas: storage.replicas },
      livesHere: (tenant) => databases.isOfMain(tenant),
    }),
    ...{ pools, sweep: publishing.sweep },
  })
  const ledger = routedLedger(databases)
  const tenantDatabases = new TenantDatabases({
    ...{ context, databases },
    build({ name, tenants = [] }, pools, epoch, own) {
      const events = createEvents(own, pools, epoch, storage.vapid, publishing.announce)
      const { store, onMarked } = events
      bus.addLedger({ epoch, changes: store, tenants })
      const observers = publishObservers(meters, tracing)
      const outbox = startOutbox({ bus, store, logger: own.log, observers, onMarked }, own.releases)
      const ledger = createLedger(own, {
        ...{ ...common, pools, store, publishing: outbox, replicas: [] },
        livesHere: (tenant) => databases.placeOf(tenant).name === name,
      })
      return { ...events, ...ledger, pools, sweep: outbox.sweep }
    },
  })
  await tenantDatabases.open()
  departures.start()
  return {
    tenantDatabases,
    ledger,
    payments: new Payments(providers, { ledger: ledger.providerLedger, log }),
  }
}

function publishObservers(meters: Context['meters'], tracing: Tracing | undefined) {
  return [meters.publishing, ...(tracing ? [tracing.publishing] : [])]
}

/** Creates the app with its routes, and what observes the server from outside. */
function createHttp(
  { config, log, releases, tracing, meters, worker }: Context,
  { secret, sessionSecret, unguarded, pools }: Storage,
  realtime: Realtime,
  { ledger, payments }: Ledgers,
) {
  const { version } = pkg
  const { databases, revocations, tenants, apiKeys, bus } = realtime
  const { authenticator, limiter, gateway, connectionsElsewhere } = realtime
  const { settings } = gateway
  const { replicas } = databases.main
  const { currency, corsOrigins } = config
  const { requests, cacheReads } = meters
  const watch = new EventLoopWatch({ log })
  releases.add(async () => watch.close())
  const system = new SystemStatus({
    ...{ version, sql: pools.readers, bus, gateway, watch, log, connectionsElsewhere },
    outbox: allBacklogs(databases),
  })
  releases.add(() => system.stop())
  const main = checksOf(databases.main)
  const demo = createDemo(config, secret)
  const provider = config.signIn
  const signIn =
    provider && sessionSecret !== undefined
      ? new SignIn({
          ...provider,
          provider: new IdentityProvider({ ...provider, log }),
          secret: sessionSecret,
          store: bus.tickets,
          ...{ authenticator, tenants, log },
        })
      : undefined
  const metrics = createExposition(
    createMetricSources({
      ...{ version, ...meters, gateway, bus, limiter },
      databases: () => measured(databases),
      payments,
      workers: () => worker?.team ?? { up: 1, wanted: 1, crashes: 0 },
      replicas,
    }),
  )
  const app = createApp({
    ...{
      authenticator,
      limiter,
      corsOrigins,
      currency,
      requests,
      cacheReads,
      revocations,
      tenants,
      apiKeys,
      settings,
      log,
    },
    ...{ ...ledger, payments },
    requestTimeoutMs: config.requestTimeoutMs,
    auditTimeoutMs: config.auditTimeoutMs,
    confirmAbove: config.confirmAbove,
    tracer: tracing?.requests,
    metrics: worker ? () => worker.exposition() : metrics.text,
    cache: tracing?.spanned<BalanceCache>(bus, 'redis', ['cachedBalance']) ?? bus,
    tickets: gateway.tickets,
    eventPages: gateway.eventPages,
    refusedOrigins: gateway.refusedOrigins,
    streams: eventStreams(gateway),
    services: serviceStreams(gateway),
    admins: adminStreams(gateway),
    liveness: createLivenessCheck(watch),
    readiness: createReadinessCheck(main, gateway, {
      ...{ unguarded, tryWrite: main.tryWrite },
      ...(databases.areSeveral && { tenantDatabases: otherChecks(databases) }),
      replicas: replicas && (() => replicas.states),
      workers: worker && (() => ({ ...worker.team, replaced: worker.replaced })),
    }),
    system: system.read,
    documents: API_DOCUMENTS,
    web: webPages(),
    ...(demo && { demo }),
    ...(provider && signIn && { signIn, provider }),
  })
  const cached: CachedReadsOptions = {
    ...{ authenticator, limiter, cache: bus, cacheReads, requests, log, currency, corsOrigins },
    settings,
  }
  return { app, cached, metrics, system }
}
