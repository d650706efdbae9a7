import type { CacheReads } from '../http/cached-reads.ts'
import type { RequestMeter } from '../http/middleware/request-meter.ts'
import type { BatchingExecutor } from '../ledger/executor.ts'
import type { LedgerMeter } from '../ledger/meter.ts'
import type { Overview } from '../ledger/overview.ts'
import type { LabeledCounter } from '../lib/labeled-counter.ts'
import type { RateLimiter } from '../rate-limit/limiter.ts'
import type { Bus, Link } from '../realtime/bus/bus.ts'
import type { Gateway } from '../realtime/gateway.ts'
import type { StreamMeter } from '../realtime/meter.ts'
import type { PublishMeter } from '../realtime/publish-meter.ts'
import { sampled } from './sampled.ts'

/** Where the figures lie; read at a scrape, and at no other time. */
export interface Sources {
  version: string
  requests: RequestMeter
  ledger: LedgerMeter
  /** Commands that wait for a call. */
  queued(): number
  publishing: PublishMeter
  /** What is committed and not published; null while Postgres does not answer. */
  backlog(): Promise<{ rows: number; oldestSeconds: number } | null>
  streams: StreamMeter
  /** Open connections by transport. */
  connections(): Record<string, number>
  /** Users who have one. */
  users(): number
  streamState(): string
  link(): Link
  cacheReads: Readonly<CacheReads>
  /** Requests and handshakes beyond a rate limit, by budget. */
  rateLimited: LabeledCounter
}

/** Milliseconds: scrapes ask Postgres for the outbox no more often than that, and do not wait long. */
const OUTBOX_SAMPLING = { every: 2_000, patience: 500 }

export interface MeasuredParts
  extends Pick<Sources, 'version' | 'requests' | 'ledger' | 'publishing' | 'cacheReads'> {
  executor: Pick<BatchingExecutor, 'depth'>
  overview: Pick<Overview, 'backlog'>
  gateway: Pick<Gateway, 'meter' | 'connections' | 'users' | 'health'>
  bus: Pick<Bus, 'link'>
  limiter: Pick<RateLimiter, 'refusals'>
}

/** Where the figures of a running server lie: in its meters, and in the parts that know their own state. */
export function sourcesOf({
  executor,
  overview,
  gateway,
  bus,
  limiter,
  ...meters
}: MeasuredParts): Sources {
  return {
    ...meters,
    queued: () => executor.depth,
    backlog: sampled(() => overview.backlog(), OUTBOX_SAMPLING),
    streams: gateway.meter,
    connections: () => gateway.connections.counts,
    users: () => gateway.users,
    streamState: () => gateway.health.state,
    link: () => bus.link,
    rateLimited: limiter.refusals,
  }
}
