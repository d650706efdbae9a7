import type { MetricDefinition } from '../family.ts'
import { one, states, tallied } from '../samples.ts'

const STREAM_STATES = ['live', 'reconciling', 'deaf', 'away', 'draining']

/** What is heard, and what the connections get of it. */
export const streams: readonly MetricDefinition[] = [
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
