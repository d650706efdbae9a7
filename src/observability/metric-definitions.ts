import type { PushTotals } from '../deliveries/push-devices.ts'
import { counted, type MetricDefinition, ofDatabases, one, states } from './metrics.ts'

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
    together: 'max',
    labels: ['version', 'node'],
    help: 'Always 1. The labels hold the version of the server and of Node.',
    read: ({ version }) => [{ labels: { version, node: process.version }, value: 1 }],
  },
  // The processes of one port.
  {
    name: 'workers',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Server processes of this port that take connections.',
    read: ({ workers }) => one(workers().up),
  },
  {
    name: 'workers_wanted',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'How many there should be (`WORKERS`).',
    read: ({ workers }) => one(workers().wanted),
  },
  {
    name: 'worker_crashes_total',
    type: 'counter',
    together: 'max',
    labels: [],
    help: 'Server processes of this port that ended without being asked to. Their parent starts others.',
    read: ({ workers }) => one(workers().crashes),
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
    read: (sources) => ofDatabases(sources, async ({ queued }) => queued()),
  },
  // Payment providers.
  {
    name: 'provider_events_total',
    type: 'counter',
    labels: ['provider', 'outcome'],
    help: 'Requests of payment providers, by outcome: `applied`, `ignored`, `parked` (until another event has come), `waiting` (for an admin), `repeated`, `foreign` (no topup) or `rejected` (wrong signature).',
    read: ({ providerRequests }) => counted(providerRequests),
  },
  {
    name: 'provider_events_waiting',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Events of payment providers that wait for an admin, in the whole database, counted up to 10,000. Absent while Postgres is unavailable.',
    read: (sources) => ofDatabases(sources, ({ waitingEvents }) => waitingEvents()),
  },
  // The way of committed events out of the outbox to Redis.
  {
    name: 'postgres_up',
    type: 'gauge',
    together: 'min',
    labels: [],
    help: '1 while Postgres answers a query of the outbox within half a second, else 0.',
    read: (sources) =>
      ofDatabases(sources, async ({ backlog }) => ((await backlog()) === null ? 0 : 1)),
  },
  {
    name: 'replica_up',
    type: 'gauge',
    together: 'min',
    labels: ['replica'],
    help: '1 while a read replica takes reads, 0 while it is left out. Absent without `DATABASE_REPLICA_URL`.',
    read: ({ replicas }) =>
      (replicas?.states ?? []).map(({ name, problem }) => ({
        labels: { replica: name },
        value: problem === undefined ? 1 : 0,
      })),
  },
  {
    name: 'replica_lag_seconds',
    type: 'gauge',
    together: 'max',
    labels: ['replica'],
    help: 'How far a read replica is behind the primary, to a second. Absent while it does not answer.',
    read: ({ replicas }) =>
      (replicas?.states ?? []).flatMap(({ name, lagSeconds }) =>
        lagSeconds === undefined ? [] : { labels: { replica: name }, value: lagSeconds },
      ),
  },
  {
    name: 'replica_reads_total',
    type: 'counter',
    labels: ['server'],
    help: 'Statements, exports, searches, audits and analytics by the server that read them: `replica` or `primary`. Absent without `DATABASE_REPLICA_URL`.',
    read: ({ replicas }) => (replicas ? counted(replicas.reads) : []),
  },
  {
    name: 'outbox_rows',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Commits whose events are not known to be published, in the whole database, counted up to 10,000. Absent while Postgres is unavailable.',
    read: (sources) => ofDatabases(sources, async ({ backlog }) => (await backlog())?.rows),
  },
  {
    name: 'outbox_oldest_seconds',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Age of the oldest commit in the outbox, 0 if it is empty. Absent while Postgres is unavailable.',
    read: (sources) =>
      ofDatabases(sources, async ({ backlog }) => (await backlog())?.oldestSeconds),
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
  // Webhooks.
  {
    name: 'webhook_deliveries_total',
    type: 'counter',
    labels: ['outcome'],
    help: 'Attempts of this process to deliver an event to a webhook: `delivered` or `failed`.',
    read: ({ webhooks }) => [
      { labels: { outcome: 'delivered' }, value: webhooks.delivered },
      { labels: { outcome: 'failed' }, value: webhooks.failed },
    ],
  },
  {
    name: 'webhook_delivery_duration_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time from a delivery to the answer of its receiver. Failed attempts are included.',
    read: ({ webhooks }) => one(webhooks.seconds),
  },
  {
    name: 'webhook_set_aside_total',
    type: 'counter',
    labels: [],
    help: 'Users whose events this process set aside, because a webhook refused them for three days.',
    read: ({ webhooks }) => one(webhooks.setAsides),
  },
  {
    name: 'webhook_lag_seconds',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Age of the oldest event that waits for a webhook, in the whole database, 0 if none does. Paused webhooks are left out, and so is what was set aside. Absent while Postgres is unavailable.',
    read: (sources) =>
      ofDatabases(sources, async ({ webhookTotals }) => (await webhookTotals())?.lagSeconds),
  },
  {
    name: 'webhook_waiting_users',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Users with events that wait for a webhook, once for each webhook, counted up to 10,000. Absent while Postgres is unavailable.',
    read: (sources) =>
      ofDatabases(sources, async ({ webhookTotals }) => (await webhookTotals())?.waitingUsers),
  },
  {
    name: 'webhook_set_aside_users',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Users whose events were set aside and wait for a replay, counted up to 10,000. Absent while Postgres is unavailable.',
    read: (sources) =>
      ofDatabases(sources, async ({ webhookTotals }) => (await webhookTotals())?.setAsideUsers),
  },
  {
    name: 'webhook_paused_endpoints',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Webhooks that are paused, by an admin or because the receiver answered 410. Absent while Postgres is unavailable.',
    read: (sources) =>
      ofDatabases(sources, async ({ webhookTotals }) => (await webhookTotals())?.pausedEndpoints),
  },
  {
    name: 'analytics_age_seconds',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'Time since the roll-ups of analytics were last brought up to date, in the whole database. Absent while Postgres is unavailable, and before they are built.',
    read: (sources) => ofDatabases(sources, async ({ rollUps }) => (await rollUps())?.ageSeconds),
  },
  // Push notifications.
  {
    name: 'push_notifications_total',
    type: 'counter',
    labels: ['outcome'],
    help: 'Notifications of devices by this process. Attempts: `delivered` or `failed`. Not sent: `expired` because they were older than PUSH_MAX_AGE, `seen` because a page showed the wallet.',
    read: ({ push }) => [
      { labels: { outcome: 'delivered' }, value: push.delivered },
      { labels: { outcome: 'failed' }, value: push.failed },
      { labels: { outcome: 'expired' }, value: push.expired },
      { labels: { outcome: 'seen' }, value: push.seen },
    ],
  },
  {
    name: 'push_duration_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time from a notification to the answer of its push service. Failed attempts are included.',
    read: ({ push }) => one(push.seconds),
  },
  {
    name: 'push_gone_devices_total',
    type: 'counter',
    labels: [],
    help: 'Devices that were removed, because their push service does not know them any more.',
    read: ({ push }) => one(push.gone),
  },
  {
    name: 'push_devices',
    type: 'gauge',
    together: 'max',
    labels: ['state'],
    help: 'Devices in the whole database by the outcome of the last attempt, `working` or `failing`, counted up to 10,000. Absent while Postgres is unavailable.',
    read: async (sources) => {
      const totals = (state: string, read: (of: PushTotals) => number) =>
        ofDatabases(sources, async ({ pushTotals }) => {
          const found = await pushTotals()
          return found && read(found)
        }).then((samples) =>
          samples.map(({ labels, value }) => ({ labels: { state, ...labels }, value })),
        )
      return [
        ...(await totals('working', ({ devices, failing }) => devices - failing)),
        ...(await totals('failing', ({ failing }) => failing)),
      ]
    },
  },
  {
    name: 'push_lag_seconds',
    type: 'gauge',
    together: 'max',
    labels: [],
    help: 'How long the longest has waited of the notifications that could be sent, in the whole database, 0 if none does. Those of quiet hours are left out. Absent while Postgres is unavailable.',
    read: (sources) =>
      ofDatabases(sources, async ({ pushTotals }) => (await pushTotals())?.lagSeconds),
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
    together: 'max',
    labels: ['state'],
    help: '1 for the current state of the connection to Redis: `live`, `stalled` (connected, but published messages do not arrive) or `disconnected` (no connection, no answer, or writes are refused).',
    read: ({ link }) => states(LINK_STATES, link().state),
  },
  // The messages a process receives, and their delivery to its connections.
  {
    name: 'stream_state',
    type: 'gauge',
    together: 'max',
    labels: ['state'],
    help: '1 for the current state of the streams: the state of the connection to Redis, `reconciling` (comparing with Postgres, because messages may have been missed) or `draining`.',
    read: ({ streamState }) => states(STREAM_STATES, streamState()),
  },
  {
    name: 'subscriber_messages_total',
    type: 'counter',
    labels: ['kind'],
    help: 'Messages received on `balance:updates` or its shards: `event`, `stranger` (of a user who is not connected here) or `foreign` (not of this server, ignored).',
    read: ({ streams }) => [
      { labels: { kind: 'event' }, value: streams.received },
      { labels: { kind: 'stranger' }, value: streams.strangers },
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
    name: 'starts_from_redis_total',
    type: 'counter',
    labels: [],
    help: 'Connections that began, or resumed, with what Redis had, without a question to Postgres (`EVENT_HISTORY`).',
    read: ({ streams }) => one(streams.startsFromBus),
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
