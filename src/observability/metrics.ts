import type { CacheReads } from '../http/cached-reads.ts'
import type { RequestMeter } from '../http/middleware/observe.ts'
import type { PostgresEventStore } from '../ledger/event-store.ts'
import type { Executor } from '../ledger/executor.ts'
import type { LedgerMeter } from '../ledger/observer.ts'
import type { Histogram, LabeledCounter } from '../lib/instruments.ts'
import { withTimeout } from '../lib/timeout.ts'
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

/** The parts of the server that the metrics are read from. Nothing is copied between scrapes. */
export interface MetricSources {
  version: string
  requests: RequestMeter
  ledger: LedgerMeter
  /** Commands that no call has taken yet. */
  queued(): number
  publishing: PublishMeter
  /** Committed events that are not published. Null while Postgres does not answer. */
  backlog(): Promise<{ rows: number; oldestSeconds: number } | null>
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
}

/** However often it is scraped, a process counts the outbox once in two seconds at most. */
const OUTBOX_SAMPLING = { intervalMs: 2_000, timeoutMs: 500 }

export interface MeasuredParts
  extends Pick<MetricSources, 'version' | 'requests' | 'ledger' | 'publishing' | 'cacheReads'> {
  executor: Pick<Executor, 'depth'>
  outbox: Pick<PostgresEventStore, 'backlog'>
  gateway: Pick<Gateway, 'meter' | 'connections' | 'users' | 'health'>
  bus: Pick<Bus, 'link'>
  limiter: Pick<RateLimiter, 'refusals'>
}

export function createMetricSources({
  executor,
  outbox,
  gateway,
  bus,
  limiter,
  ...meters
}: MeasuredParts): MetricSources {
  return {
    ...meters,
    queued: () => executor.depth,
    backlog: sampled(() => outbox.backlog(), OUTBOX_SAMPLING),
    streams: gateway.meter,
    connections: () => gateway.connections.counts,
    users: () => gateway.users,
    streamState: () => gateway.health.state,
    link: () => bus.link,
    rateLimited: limiter.refusals,
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
