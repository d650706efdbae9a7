import type { PushMeter, WebhookMeter } from '../deliveries/metrics.ts'
import type { PushDevices, PushTotals } from '../deliveries/push-devices.ts'
import type { WebhookTotals } from '../deliveries/webhook.ts'
import type { WebhookEndpoints } from '../deliveries/webhook-endpoints.ts'
import type { CacheReads } from '../http/cached-reads.ts'
import type { RequestMeter } from '../http/middleware/observe.ts'
import type { RollUpState } from '../ledger/analytics.ts'
import type { Analytics } from '../ledger/analytics-reader.ts'
import type { PostgresEventStore } from '../ledger/event-store.ts'
import type { Executor } from '../ledger/executor.ts'
import type { LedgerMeter } from '../ledger/observer.ts'
import type { ProviderLedger } from '../ledger/provider-events.ts'
import type { Histogram, LabeledCounter } from '../lib/instruments.ts'
import { withTimeout } from '../lib/timeout.ts'
import type { Replicas } from '../postgres/replicas.ts'
import type { Payments } from '../providers/providers.ts'
import type { RateLimiter } from '../rate-limit/limiter.ts'
import type { Bus, Link } from '../realtime/bus/bus.ts'
import type { Gateway } from '../realtime/gateway.ts'
import type { PublishMeter, StreamMeter } from '../realtime/metrics.ts'

export interface MetricDefinition {
  /** Without the prefix. */
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  labels: readonly string[]
  help: string
  /** How the values of several workers of one port become one. Default: their sum. */
  together?: 'max' | 'min'
  /** Reads the current values. Called at a scrape. */
  read(sources: MetricSources): Iterable<Sample> | Promise<Iterable<Sample>>
}

/** The value of a metric under one combination of labels. */
export interface Sample {
  labels?: Record<string, string>
  value: number | Histogram
}

export function one(value: number | Histogram): Sample[] {
  return [{ value }]
}

/** A value that is not known has no sample. */
export function known(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ value }]
}

export function counted(counter: LabeledCounter): Sample[] {
  return [...counter.read()].map(({ labels, count }) => ({ labels, value: count }))
}

/** 1 for the current state, 0 for every other. */
export function states(all: readonly string[], current: string): Sample[] {
  return all.map((state) => ({ labels: { state }, value: state === current ? 1 : 0 }))
}

/** What is measured of one database. Null while it does not answer. */
export interface DatabaseSource {
  name: string
  /** Commands that no call has taken yet. */
  queued(): number
  /** Committed events that are not published. */
  backlog(): Promise<{ rows: number; oldestSeconds: number } | null>
  webhookTotals(): Promise<WebhookTotals | null>
  pushTotals(): Promise<PushTotals | null>
  /** Events of providers that wait for an admin. */
  waitingEvents(): Promise<number | null>
  rollUps(): Promise<RollUpState | null>
}

/** A sample for each database that has a value, with its name where there are several. */
export async function ofDatabases(
  { databases }: Pick<MetricSources, 'databases'>,
  read: (database: DatabaseSource) => Promise<number | null | undefined>,
): Promise<Sample[]> {
  const all = databases()
  const samples = await Promise.all(
    all.map(async (database) =>
      known((await read(database)) ?? undefined).map((sample) => ({
        ...sample,
        labels: all.length > 1 ? { database: database.name } : {},
      })),
    ),
  )
  return samples.flat()
}

/** The parts of the server that the metrics are read from. Nothing is copied between scrapes. */
export interface MetricSources {
  version: string
  requests: RequestMeter
  ledger: LedgerMeter
  publishing: PublishMeter
  webhooks: WebhookMeter
  push: PushMeter
  /** The main database first. */
  databases(): DatabaseSource[]
  /** Requests of payment providers, by provider and outcome. */
  providerRequests: LabeledCounter
  streams: StreamMeter
  /** Open connections by transport. */
  connections(): Record<string, number>
  /** Users with at least one connection. */
  users(): number
  streamState(): string
  link(): Link
  cacheReads: Readonly<CacheReads>
  /** Requests and handshakes beyond a rate limit, by budget. */
  rateLimited: LabeledCounter
  /** Undefined: there are none. */
  replicas: Pick<Replicas, 'states' | 'reads'> | undefined
  /** The server processes of this port. */
  workers(): { up: number; wanted: number; crashes: number }
}

/** However often it is scraped, a process counts rows once in two seconds at most. */
const SAMPLING = { intervalMs: 2_000, timeoutMs: 500 }

/** People decide on them, so a count may be older. */
const WAITING_SAMPLING = { intervalMs: 10_000, timeoutMs: 500 }

export interface MeasuredParts
  extends Pick<
    MetricSources,
    | 'version'
    | 'requests'
    | 'ledger'
    | 'publishing'
    | 'webhooks'
    | 'push'
    | 'cacheReads'
    | 'replicas'
    | 'workers'
  > {
  databases(): readonly MeasuredDatabase[]
  gateway: Pick<Gateway, 'meter' | 'connections' | 'users' | 'health'>
  bus: Pick<Bus, 'link'>
  limiter: Pick<RateLimiter, 'refusals'>
  payments: Pick<Payments, 'received'>
}

/** `parts` undefined: it was not reached yet. */
export interface MeasuredDatabase {
  name: string
  parts:
    | {
        executor: Pick<Executor, 'depth'>
        outbox: Pick<PostgresEventStore, 'backlog'>
        endpoints: Pick<WebhookEndpoints, 'totals'>
        devices: Pick<PushDevices, 'totals'>
        analytics: Pick<Analytics, 'state'>
        providerLedger: Pick<ProviderLedger, 'waiting'>
      }
    | undefined
}

export function createMetricSources({
  databases,
  gateway,
  bus,
  limiter,
  payments,
  ...meters
}: MeasuredParts): MetricSources {
  const sources = new Map<string, DatabaseSource>()
  const sourceOf = (database: MeasuredDatabase): DatabaseSource => {
    const known = sources.get(database.name)
    if (known) return known
    const source = createDatabaseSource(database)
    if (database.parts) sources.set(database.name, source)
    return source
  }
  return {
    ...meters,
    databases: () => databases().map(sourceOf),
    providerRequests: payments.received,
    streams: gateway.meter,
    connections: () => gateway.connections.counts,
    users: () => gateway.users,
    streamState: () => gateway.health.state,
    link: () => bus.link,
    rateLimited: limiter.refusals,
  }
}

function createDatabaseSource({ name, parts }: MeasuredDatabase): DatabaseSource {
  if (!parts) {
    const unknown = async () => null
    return {
      ...{ name, queued: () => 0, backlog: unknown, webhookTotals: unknown },
      ...{ pushTotals: unknown, waitingEvents: unknown, rollUps: unknown },
    }
  }
  const { executor, outbox, endpoints, devices, analytics, providerLedger } = parts
  return {
    name,
    queued: () => executor.depth,
    backlog: sampled(() => outbox.backlog(), SAMPLING),
    webhookTotals: sampled(() => endpoints.totals(), SAMPLING),
    pushTotals: sampled(() => devices.totals(), WAITING_SAMPLING),
    rollUps: sampled(() => analytics.state(), WAITING_SAMPLING),
    waitingEvents: sampled(() => providerLedger.waiting(), WAITING_SAMPLING),
  }
}

export interface SamplingOptions {
  /** How long a value is used before it is read again. */
  intervalMs: number
  /** How long a caller waits for a new value. */
  timeoutMs: number
}

/**
 * Wraps a read that is expensive. The value is read again only when it is older than `intervalMs`, and never
 * twice at the same time. The result is null if the read fails or takes longer than `timeoutMs`. A value that
 * comes late is used for the next caller.
 */
export function sampled<T>(
  read: () => Promise<T>,
  { intervalMs, timeoutMs }: SamplingOptions,
): () => Promise<T | null> {
  let last: { value: T; at: number } | undefined
  let reading: Promise<T | null> | undefined

  async function readNow(): Promise<T | null> {
    try {
      const value = await read()
      last = { value, at: performance.now() }
      return value
    } catch {
      return null
    } finally {
      reading = undefined
    }
  }

  return async () => {
    if (last && performance.now() - last.at < intervalMs) return last.value
    reading ??= readNow()
    return await withTimeout(reading, timeoutMs, () => null)
  }
}
