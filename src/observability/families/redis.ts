import type { MetricDefinition } from '../family.ts'
import { states } from '../samples.ts'

const LINK_STATES = ['live', 'deaf', 'away']

/** What Redis is good for, and whether it is there. */
export const redis: readonly MetricDefinition[] = [
  {
    name: 'cache_reads_total',
    type: 'counter',
    labels: ['result'],
    help: 'Balances looked up in the cache: `hit` or `miss`.',
    read: ({ cacheReads }) => [
      { labels: { result: 'hit' }, value: cacheReads.hits },
      { labels: { result: 'miss' }, value: cacheReads.misses },
    ],
  },
  {
    name: 'redis_link',
    type: 'gauge',
    labels: ['state'],
    help: '1 for the state that the link to Redis is in: `live`, `deaf` (connected, yet what is published is not heard) or `away` (no connection, no answer, or no write is taken).',
    read: ({ link }) => states(LINK_STATES, link().state),
  },
]
