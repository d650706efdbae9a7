import type { RequestMeter } from '../http/request-meter.ts'
import type { LedgerMeter } from '../ledger/meter.ts'
import type { Link } from '../realtime/bus.ts'
import type { StreamMeter } from '../realtime/meter.ts'
import type { PublishMeter } from '../realtime/publish-meter.ts'
import type { CacheReads } from '../routes/deps.ts'
import type { Distribution } from './distribution.ts'
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

export interface Sample {
  labels?: Record<string, string>
  value: number | Distribution
}

export interface Family {
  /** Without the prefix. */
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  labels: readonly string[]
  help: string
  read(sources: Sources): Iterable<Sample> | Promise<Iterable<Sample>>
}

export const PREFIX = 'livebalance_'

const LINK_STATES = ['live', 'deaf', 'away']
const STREAM_STATES = ['live', 'reconciling', 'deaf', 'away', 'draining']

/** Everything that this server counts of itself. What Node says of the process comes with it. */
export const FAMILIES: readonly Family[] = [
  {
    name: 'build_info',
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1; the labels tell the version of the server and of Node.',
    read: ({ version }) => [{ labels: { version, node: process.version }, value: 1 }],
  },
  {
    name: 'http_request_duration_seconds',
    type: 'histogram',
    labels: ['route', 'method', 'status'],
    help: 'Time until an answer began, by route pattern (`none`: no such route), method and class of status. Its count is the number of requests.',
    read: ({ requests }) =>
      [...requests.read()].map(({ route, method, status, seconds }) => ({
        labels: { route, method, status },
        value: seconds,
      })),
  },
  {
    name: 'rate_limited_total',
    type: 'counter',
    labels: ['budget'],
    help: 'Requests and handshakes refused because a rate limit was used up, by budget.',
    read: ({ rateLimited }) => tallied(rateLimited),
  },
  {
    name: 'ledger_commands_total',
    type: 'counter',
    labels: ['op', 'outcome'],
    help: 'Commands to the ledger by operation, and what became of them: `ok`, `replayed` (the first answer to an idempotency key, again), a refusal’s code, or `failed` (no answer to be had).',
    read: ({ ledger }) => tallied(ledger.commands),
  },
  {
    name: 'ledger_batch_commands',
    type: 'histogram',
    labels: [],
    help: 'Commands that went to Postgres in one call.',
    read: ({ ledger }) => one(ledger.batchSize),
  },
  {
    name: 'ledger_call_duration_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time of one call of the ledger, commit included. Calls that failed are not in it.',
    read: ({ ledger }) => one(ledger.callSeconds),
  },
  {
    name: 'ledger_failed_calls_total',
    type: 'counter',
    labels: [],
    help: 'Calls of the ledger that failed, or were not answered in time.',
    read: ({ ledger }) => one(ledger.failedCalls),
  },
  {
    name: 'ledger_queued_commands',
    type: 'gauge',
    labels: [],
    help: 'Commands that wait for the next call.',
    read: ({ queued }) => one(queued()),
  },
  {
    name: 'postgres_up',
    type: 'gauge',
    labels: [],
    help: '1 while Postgres answers the question for the outbox within half a second, else 0.',
    read: async ({ backlog }) => one((await backlog()) === null ? 0 : 1),
  },
  {
    name: 'outbox_rows',
    type: 'gauge',
    labels: [],
    help: 'Commits whose events are not known to be published, in the whole database, counted up to 10,000. Absent while Postgres is away.',
    read: async ({ backlog }) => known((await backlog())?.rows),
  },
  {
    name: 'outbox_oldest_seconds',
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest of them; 0 without any. Absent while Postgres is away.',
    read: async ({ backlog }) => known((await backlog())?.oldestSeconds),
  },
  {
    name: 'outbox_swept_total',
    type: 'counter',
    labels: [],
    help: 'Commits that the process which made them had not published, and this one’s sweep took on.',
    read: ({ publishing }) => one(publishing.leftOver),
  },
  {
    name: 'published_events_total',
    type: 'counter',
    labels: [],
    help: 'Events published by this process.',
    read: ({ publishing }) => one(publishing.events),
  },
  {
    name: 'publish_duration_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time to cache and publish the events of one commit. Attempts that failed are not in it.',
    read: ({ publishing }) => one(publishing.seconds),
  },
  {
    name: 'publish_failures_total',
    type: 'counter',
    labels: [],
    help: 'Attempts to publish that failed; the sweep repeats them.',
    read: ({ publishing }) => one(publishing.failures),
  },
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
    help: '1 for the state that the link to Redis is in: `live`, `deaf` (connected, yet what is published is not heard) or `away`.',
    read: ({ link }) => states(LINK_STATES, link().state),
  },
  {
    name: 'stream_state',
    type: 'gauge',
    labels: ['state'],
    help: '1 for the state that real time is in: as the link, or `reconciling` (comparing with Postgres what may have been missed) or `draining`.',
    read: ({ streamState }) => states(STREAM_STATES, streamState()),
  },
  {
    name: 'subscriber_messages_total',
    type: 'counter',
    labels: ['kind'],
    help: 'Messages heard on `balance:updates`: an `event`, or `foreign` and ignored.',
    read: ({ streams }) => [
      { labels: { kind: 'event' }, value: streams.received },
      { labels: { kind: 'foreign' }, value: streams.ignored },
    ],
  },
  {
    name: 'subscriber_lag_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time from a change, by the clock of Postgres, to its message here, by this machine’s. At most 100 messages a second are looked at.',
    read: ({ streams }) => one(streams.lag),
  },
  {
    name: 'connections',
    type: 'gauge',
    labels: ['transport'],
    help: 'Open connections: `socket.io`, `sse` and `websocket`.',
    read: ({ connections }) =>
      Object.entries(connections()).map(([transport, value]) => ({ labels: { transport }, value })),
  },
  {
    name: 'connected_users',
    type: 'gauge',
    labels: [],
    help: 'Users with at least one connection here.',
    read: ({ users }) => one(users()),
  },
  {
    name: 'connections_opened_total',
    type: 'counter',
    labels: ['transport'],
    help: 'Connections let in since the start.',
    read: ({ streams }) => tallied(streams.opened),
  },
  {
    name: 'handshake_refusals_total',
    type: 'counter',
    labels: ['code'],
    help: 'Connections that were not let in, by the error’s code.',
    read: ({ streams }) => tallied(streams.refusals),
  },
  {
    name: 'connection_cuts_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Connections that the server ended, by reason.',
    read: ({ streams }) => tallied(streams.cuts),
  },
  {
    name: 'deliveries_total',
    type: 'counter',
    labels: [],
    help: 'Events handed to connections: one for each event and connection.',
    read: ({ streams }) => one(streams.delivered),
  },
  {
    name: 'conflations_total',
    type: 'counter',
    labels: [],
    help: 'Times that a slow connection got the newest balance in place of what it had not read.',
    read: ({ streams }) => one(streams.conflated),
  },
  {
    name: 'replays_total',
    type: 'counter',
    labels: ['recovered'],
    help: 'Connections that came to resume: `true`, with every event they had missed; `false`, from the newest balance.',
    read: ({ streams }) => [
      { labels: { recovered: 'true' }, value: streams.resumed },
      { labels: { recovered: 'false' }, value: streams.notResumed },
    ],
  },
  {
    name: 'replayed_events_total',
    type: 'counter',
    labels: [],
    help: 'Events that connections got on resuming.',
    read: ({ streams }) => one(streams.replayed),
  },
  {
    name: 'stream_repairs_total',
    type: 'counter',
    labels: [],
    help: 'Times that a user’s stream was brought up to date from Postgres because messages were missing.',
    read: ({ streams }) => one(streams.repaired),
  },
]

function one(value: number | Distribution): Sample[] {
  return [{ value }]
}

function known(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ value }]
}

function tallied(tally: Tally): Sample[] {
  return [...tally.read()].map(({ labels, count }) => ({ labels, value: count }))
}

function states(all: readonly string[], current: string): Sample[] {
  return all.map((state) => ({ labels: { state }, value: state === current ? 1 : 0 }))
}
