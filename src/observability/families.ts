import { build } from './families/build.ts'
import { ledger } from './families/ledger.ts'
import { outbox } from './families/outbox.ts'
import { redis } from './families/redis.ts'
import { requests } from './families/requests.ts'
import { streams } from './families/streams.ts'
import type { MetricDefinition } from './family.ts'

export const PREFIX = 'livebalance_'

/**
 * Everything that this server counts of itself, in the order of the exposition and of the docs. What Node says
 * of the process comes with it.
 */
export const FAMILIES: readonly MetricDefinition[] = [
  ...build,
  ...requests,
  ...ledger,
  ...outbox,
  ...redis,
  ...streams,
]
