import type { BatchingExecutor } from '../ledger/executor.ts'
import type { Overview } from '../ledger/overview.ts'
import type { RateLimiter } from '../limits/rate-limiter.ts'
import type { Bus } from '../realtime/bus.ts'
import type { Gateway } from '../realtime/gateway.ts'
import type { Sources } from './families.ts'
import { sampled } from './sampled.ts'

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
