import type { MetricDefinition } from '../family.ts'
import { known, one } from '../samples.ts'

/** What is committed, and its way out of the outbox to Redis. */
export const outbox: readonly MetricDefinition[] = [
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
]
