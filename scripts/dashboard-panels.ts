import { CHOSEN, type Line, line, of, quantiles, rate, sumBy } from './dashboard-queries.ts'

export interface Panel {
  title: string
  unit?: string
  description?: string
  lines: Line[]
}

/** The panels of the dashboard, by row. */
export const ROWS: Record<string, Panel[]> = {
  Overview: [
    { title: 'Servers', lines: [line(`count(${of('build_info')})`, 'running')] },
    {
      title: 'Requests',
      unit: 'reqps',
      lines: [line(`sum(${rate('http_request_duration_seconds_count')})`, 'all')],
    },
    {
      title: 'Server errors, share of requests',
      unit: 'percentunit',
      lines: [
        line(
          `sum(${rate('http_request_duration_seconds_count', 'status="5xx"')}) / sum(${rate('http_request_duration_seconds_count')})`,
          '5xx',
        ),
      ],
    },
    { title: 'Open connections', lines: [line(`sum(${of('connections')})`, 'all')] },
    {
      title: 'Oldest unpublished change',
      unit: 's',
      lines: [line(`max(${of('outbox_oldest_seconds')})`, 'age')],
    },
    {
      title: 'Health of Postgres, Redis and real time',
      description: '1: healthy. While Redis is unavailable, real time is healthy too, but later.',
      lines: [
        line(`min(${of('postgres_up')})`, 'Postgres'),
        line(`min(${of('redis_link', 'state="live"')})`, 'Redis'),
        line(`min(${of('stream_state', 'state="live"')})`, 'real time'),
      ],
    },
  ],
  Requests: [
    {
      title: 'Requests by route',
      unit: 'reqps',
      lines: [
        line(sumBy('method, route', 'http_request_duration_seconds_count'), '{{method}} {{route}}'),
      ],
    },
    {
      title: 'Requests by status',
      unit: 'reqps',
      lines: [line(sumBy('status', 'http_request_duration_seconds_count'), '{{status}}')],
    },
    {
      title: 'Response time',
      unit: 's',
      lines: quantiles('http_request_duration_seconds'),
    },
    {
      title: 'p99 by route',
      unit: 's',
      lines: [
        line(
          `histogram_quantile(0.99, ${sumBy('route, method, le', 'http_request_duration_seconds_bucket')})`,
          '{{method}} {{route}}',
        ),
      ],
    },
    {
      title: 'Cache hits',
      unit: 'percentunit',
      lines: [
        line(
          `sum(${rate('cache_reads_total', 'result="hit"')}) / sum(${rate('cache_reads_total')})`,
          'of reads',
        ),
      ],
    },
    {
      title: 'Requests over a rate limit',
      unit: 'reqps',
      lines: [line(sumBy('budget', 'rate_limited_total'), '{{budget}}')],
    },
    {
      title: 'Requests of payment providers',
      unit: 'ops',
      lines: [
        line(sumBy('provider, outcome', 'provider_events_total'), '{{provider}} {{outcome}}'),
      ],
    },
    {
      title: 'Provider events that wait for an admin',
      lines: [line(`max(${of('provider_events_waiting')})`, 'waiting')],
    },
  ],
  Ledger: [
    {
      title: 'Commands by operation',
      unit: 'ops',
      lines: [line(sumBy('op', 'ledger_commands_total'), '{{op}}')],
    },
    {
      title: 'Refused and failed commands',
      unit: 'ops',
      lines: [line(sumBy('outcome', 'ledger_commands_total', 'outcome!="ok"'), '{{outcome}}')],
    },
    { title: 'Duration of a call', unit: 's', lines: quantiles('ledger_call_duration_seconds') },
    {
      title: 'Commands per call',
      description: 'The average. Near 128, the ledger is at its limit.',
      lines: [
        line(
          `sum(${rate('ledger_batch_commands_sum')}) / sum(${rate('ledger_batch_commands_count')})`,
          'commands',
        ),
      ],
    },
    {
      title: 'Waiting commands',
      lines: [line(of('ledger_queued_commands'), '{{instance}}')],
    },
    {
      title: 'Failed calls',
      unit: 'ops',
      lines: [line(sumBy('instance', 'ledger_failed_calls_total'), '{{instance}}')],
    },
  ],
  Publishing: [
    {
      title: 'Unpublished commits',
      lines: [line(`max(${of('outbox_rows')})`, 'rows')],
    },
    { title: 'Time to publish', unit: 's', lines: quantiles('publish_duration_seconds') },
    {
      title: 'Published events',
      unit: 'ops',
      lines: [
        line(`sum(${rate('published_events_total')})`, 'events'),
        line(`sum(${rate('publish_failures_total')})`, 'failed attempts'),
        line(`sum(${rate('outbox_swept_total')})`, 'swept'),
      ],
    },
    {
      title: 'Delay from change to message',
      unit: 's',
      lines: quantiles('subscriber_lag_seconds'),
    },
    {
      title: 'Messages received',
      unit: 'ops',
      lines: [line(sumBy('kind', 'subscriber_messages_total'), '{{kind}}')],
    },
    {
      title: 'State of real time',
      lines: [line(`sum by (state) (${of('stream_state')})`, '{{state}}')],
    },
  ],
  Webhooks: [
    {
      title: 'Webhook deliveries',
      unit: 'ops',
      lines: [line(sumBy('outcome', 'webhook_deliveries_total'), '{{outcome}}')],
    },
    {
      title: 'Time of a webhook delivery',
      unit: 's',
      lines: quantiles('webhook_delivery_duration_seconds'),
    },
    {
      title: 'Oldest event that waits for a webhook',
      unit: 's',
      lines: [line(`max(${of('webhook_lag_seconds')})`, 'age')],
    },
    {
      title: 'Webhook backlog',
      lines: [
        line(`max(${of('webhook_waiting_users')})`, 'users waiting'),
        line(`max(${of('webhook_set_aside_users')})`, 'users set aside'),
        line(`sum(increase(${of('webhook_set_aside_total')}[1d]))`, 'set aside within a day'),
        line(`max(${of('webhook_paused_endpoints')})`, 'paused webhooks'),
      ],
    },
    {
      title: 'Age of the roll-ups of analytics',
      unit: 's',
      lines: [line(`max(${of('analytics_age_seconds')})`, 'age')],
    },
  ],
  'Push notifications': [
    {
      title: 'Notifications',
      unit: 'ops',
      lines: [line(sumBy('outcome', 'push_notifications_total'), '{{outcome}}')],
    },
    {
      title: 'Time of a notification',
      unit: 's',
      lines: quantiles('push_duration_seconds'),
    },
    {
      title: 'Notification that waits for longest',
      unit: 's',
      lines: [line(`max(${of('push_lag_seconds')})`, 'waits')],
    },
    {
      title: 'Devices',
      lines: [
        line(`max by (state) (${of('push_devices')})`, '{{state}}'),
        line(`sum(increase(${of('push_gone_devices_total')}[1d]))`, 'gone within a day'),
      ],
    },
  ],
  Connections: [
    {
      title: 'Open connections by transport',
      lines: [line(`sum by (transport) (${of('connections')})`, '{{transport}}')],
    },
    { title: 'Connected users', lines: [line(of('connected_users'), '{{instance}}')] },
    {
      title: 'Accepted connections',
      unit: 'ops',
      lines: [line(sumBy('transport', 'connections_opened_total'), '{{transport}}')],
    },
    {
      title: 'Rejected connections',
      unit: 'ops',
      lines: [line(sumBy('code', 'handshake_refusals_total'), '{{code}}')],
    },
    {
      title: 'Connections closed by the server',
      unit: 'ops',
      lines: [line(sumBy('reason', 'connection_cuts_total'), '{{reason}}')],
    },
    {
      title: 'Deliveries',
      unit: 'ops',
      lines: [
        line(`sum(${rate('deliveries_total')})`, 'events'),
        line(`sum(${rate('replayed_events_total')})`, 'replayed'),
      ],
    },
    {
      title: 'Resumed connections',
      unit: 'ops',
      lines: [
        line(sumBy('recovered', 'replays_total'), 'recovered: {{recovered}}'),
        line(`sum(${rate('starts_from_redis_total')})`, 'begun from Redis'),
      ],
    },
    {
      title: 'Repairs',
      unit: 'ops',
      lines: [
        line(`sum(${rate('conflations_total')})`, 'slow connections conflated'),
        line(`sum(${rate('stream_repairs_total')})`, 'streams repaired from Postgres'),
      ],
    },
  ],
  Process: [
    {
      title: 'Event loop delay, p99',
      unit: 's',
      lines: [line(`nodejs_eventloop_lag_p99_seconds{${CHOSEN}}`, '{{instance}}')],
    },
    {
      title: 'CPU',
      unit: 'percentunit',
      description: '100 % is one core. A process uses little more than one.',
      lines: [line(`rate(process_cpu_seconds_total{${CHOSEN}}[$__rate_interval])`, '{{instance}}')],
    },
    {
      title: 'Memory',
      unit: 'bytes',
      lines: [
        line(`process_resident_memory_bytes{${CHOSEN}}`, '{{instance}} resident'),
        line(`nodejs_heap_size_used_bytes{${CHOSEN}}`, '{{instance}} heap'),
      ],
    },
    {
      title: 'Garbage collection',
      unit: 'percentunit',
      lines: [
        line(
          `sum by (instance) (rate(nodejs_gc_duration_seconds_sum{${CHOSEN}}[$__rate_interval]))`,
          '{{instance}}',
        ),
      ],
    },
    {
      title: 'File descriptors',
      unit: 'percentunit',
      lines: [
        line(
          `process_open_fds{${CHOSEN}} / process_max_fds{${CHOSEN}}`,
          '{{instance}} of its limit',
        ),
      ],
    },
    {
      title: 'Read replicas',
      description: '1: it takes reads.',
      lines: [line(`min by (replica) (${of('replica_up')})`, '{{replica}}')],
    },
    {
      title: 'Lag of read replicas',
      unit: 's',
      lines: [line(`max by (replica) (${of('replica_lag_seconds')})`, '{{replica}}')],
    },
    {
      title: 'Reads by server',
      lines: [line(sumBy('server', 'replica_reads_total'), '{{server}}')],
    },
    {
      title: 'Workers of a port',
      lines: [
        line(of('workers'), '{{instance}} up'),
        line(of('workers_wanted'), '{{instance}} wanted'),
        line(rate('worker_crashes_total'), '{{instance}} crashes a second'),
      ],
    },
    {
      title: 'Versions',
      lines: [line(`count by (version, node) (${of('build_info')})`, '{{version}}, Node {{node}}')],
    },
  ],
}
