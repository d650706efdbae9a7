import type { RequestMeter } from '../http/request-meter.ts'
import type { LedgerMeter } from '../ledger/meter.ts'
import type { Link } from '../realtime/bus.ts'
import type { StreamMeter } from '../realtime/meter.ts'
import type { PublishMeter } from '../realtime/publish-meter.ts'
import type { CacheReads } from '../routes/deps.ts'
import type { Tally } from './tally.ts'

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
  rateLimited: Tally
}
