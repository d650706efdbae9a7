import { counted, known, type MetricDefinition, one, states } from './metrics.ts'

/** Begins the name of every metric below. */
export const PREFIX = 'livebalance_'

const STREAM_STATES = ['live', 'reconciling', 'stalled', 'disconnected', 'draining']
const LINK_STATES = ['live', 'stalled', 'disconnected']

/**
 * Every metric of this server, in the order of `GET /metrics` and of the docs. The metrics of the Node process
 * come from the library.
 */
export const METRICS: readonly MetricDefinition[] = [
  {
    name: 'build_info',
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1. The labels hold the version of the server and of Node.',
    read: ({ version }) => [{ labels: { version, node: process.version }, value: 1 }],
  },
  // Requests over HTTP.
  {
    name: 'http_request_duration_seconds',
    type: 'histogram',
    labels: ['route', 'method', 'status'],
    help: 'Time from a request to the first byte of its answer, by route pattern (`none`: no such route), method and class of status. The count is the number of requests.',
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
    help: 'Requests and handshakes rejected by a rate limit, by budget.',
    read: ({ rateLimited }) => counted(rateLimited),
  },
  // The ledger and its calls of Postgres.
  {
    name: 'ledger_commands_total',
    type: 'counter',
    labels: ['op', 'outcome'],
    help: 'Commands to the ledger, by operation and outcome: `ok`, `replayed` (the stored answer to a repeated idempotency key), the code of a refusal, or `failed` (no answer).',
    read: ({ ledger }) => counted(ledger.commands),
  },
  {
    name: 'ledger_batch_commands',
    type: 'histogram',
    labels: [],
    help: 'Commands in one call of Postgres.',
    read: ({ ledger }) => one(ledger.batchSize),
  },
  {
    name: 'ledger_call_duration_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time of one call of the ledger, including the commit. Failed calls are not included.',
    read: ({ ledger }) => one(ledger.callSeconds),
  },
  {
    name: 'ledger_failed_calls_total',
    type: 'counter',
    labels: [],
    help: 'Calls of the ledger that failed or timed out.',
    read: ({ ledger }) => one(ledger.failedCalls),
  },
  {
    name: 'ledger_queued_commands',
    type: 'gauge',
    labels: [],
    help: 'Commands that wait for the next call.',
    read: ({ queued }) => one(queued()),
  },
  // The way of committed events out of the outbox to Redis.
  {
    name: 'postgres_up',
    type: 'gauge',
    labels: [],
    help: '1 while Postgres answers a query of the outbox within half a second, else 0.',
    read: async ({ backlog }) => one((await backlog()) === null ? 0 : 1),
  },
  {
    name: 'outbox_rows',
    type: 'gauge',
    labels: [],
    help: 'Commits whose events are not known to be published, in the whole database, counted up to 10,000. Absent while Postgres is unavailable.',
    read: async ({ backlog }) => known((await backlog())?.rows),
  },
  {
    name: 'outbox_oldest_seconds',
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest commit in the outbox, 0 if it is empty. Absent while Postgres is unavailable.',
    read: async ({ backlog }) => known((await backlog())?.oldestSeconds),
  },
  {
    name: 'outbox_swept_total',
    type: 'counter',
    labels: [],
    help: 'Commits of any process that were left unpublished and that the sweep of this process published.',
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
    help: 'Time to cache and publish the events of one commit. Failed attempts are not included.',
    read: ({ publishing }) => one(publishing.seconds),
  },
  {
    name: 'publish_failures_total',
    type: 'counter',
    labels: [],
    help: 'Failed attempts to publish. The sweep repeats them.',
    read: ({ publishing }) => one(publishing.failures),
  },
  // Redis.
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
    help: '1 for the current state of the connection to Redis: `live`, `stalled` (connected, but published messages do not arrive) or `disconnected` (no connection, no answer, or writes are refused).',
    read: ({ link }) => states(LINK_STATES, link().state),
  },
  // The messages a process receives, and their delivery to its connections.
  {
    name: 'stream_state',
    type: 'gauge',
    labels: ['state'],
    help: '1 for the current state of the streams: the state of the connection to Redis, `reconciling` (comparing with Postgres, because messages may have been missed) or `draining`.',
    read: ({ streamState }) => states(STREAM_STATES, streamState()),
  },
  {
    name: 'subscriber_messages_total',
    type: 'counter',
    labels: ['kind'],
    help: 'Messages received on `balance:updates`: `event`, or `foreign` (not of this server, ignored).',
    read: ({ streams }) => [
      { labels: { kind: 'event' }, value: streams.received },
      { labels: { kind: 'foreign' }, value: streams.ignored },
    ],
  },
  {
    name: 'subscriber_lag_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time from a change (clock of Postgres) to the arrival of its message (clock of this machine). At most 100 messages a second are measured.',
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
    help: 'Users with at least one connection to this process.',
    read: ({ users }) => one(users()),
  },
  {
    name: 'connections_opened_total',
    type: 'counter',
    labels: ['transport'],
    help: 'Connections accepted since the start.',
    read: ({ streams }) => counted(streams.opened),
  },
  {
    name: 'handshake_refusals_total',
    type: 'counter',
    labels: ['code'],
    help: 'Rejected connections, by error code.',
    read: ({ streams }) => counted(streams.refusals),
  },
  {
    name: 'connection_cuts_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Connections that the server closed, by reason.',
    read: ({ streams }) => counted(streams.cuts),
  },
  {
    name: 'deliveries_total',
    type: 'counter',
    labels: [],
    help: 'Events delivered to connections. An event to three connections counts three times.',
    read: ({ streams }) => one(streams.delivered),
  },
  {
    name: 'conflations_total',
    type: 'counter',
    labels: [],
    help: 'Times that a slow connection got the newest balance in place of the events it had not read.',
    read: ({ streams }) => one(streams.conflated),
  },
  {
    name: 'replays_total',
    type: 'counter',
    labels: ['recovered'],
    help: 'Connections that asked to resume: `true`, they got every missed event; `false`, they got the newest balance.',
    read: ({ streams }) => [
      { labels: { recovered: 'true' }, value: streams.resumed },
      { labels: { recovered: 'false' }, value: streams.notResumed },
    ],
  },
  {
    name: 'replayed_events_total',
    type: 'counter',
    labels: [],
    help: 'Missed events that resuming connections got.',
    read: ({ streams }) => one(streams.replayed),
  },
  {
    name: 'stream_repairs_total',
    type: 'counter',
    labels: [],
    help: 'Times that missing messages of a user’s stream were read from Postgres.',
    read: ({ streams }) => one(streams.repaired),
  },
]
