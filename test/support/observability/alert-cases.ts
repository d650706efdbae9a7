/** A histogram whose every observation, ten a minute, is above the last finite bucket given. */
const slow = (name: string, bucket: string) => ({
  [`${name}_bucket{le="${bucket}"}`]: '0x90',
  [`${name}_bucket{le="+Inf"}`]: '0+10x90',
})

/**
 * For each alert, series that make it fire, in promtool's notation, a value a minute: `0+10x90` counts ten
 * more each time, `1x90` stays.
 */
export const FIRING: Record<string, Record<string, string>> = {
  LivebalanceInstanceDown: { up: '0x90' },
  LivebalanceWorkersMissing: { livebalance_workers: '1x90', livebalance_workers_wanted: '2x90' },
  LivebalanceAbsent: { up: '1x90' },
  LivebalancePostgresUnavailable: { livebalance_postgres_up: '0x90' },
  LivebalanceReplicaLeftOut: { 'livebalance_replica_up{replica="db2:5432"}': '0x90' },
  LivebalanceHttpErrors: {
    'livebalance_http_request_duration_seconds_count{status="2xx"}': '0+98x90',
    'livebalance_http_request_duration_seconds_count{status="5xx"}': '0+2x90',
  },
  LivebalanceHttpSlow: slow('livebalance_http_request_duration_seconds', '2.5'),
  LivebalanceLedgerFailing: {
    'livebalance_ledger_commands_total{op="payment",outcome="failed"}': '0+1x90',
  },
  LivebalanceLedgerSlow: slow('livebalance_ledger_call_duration_seconds', '1'),
  LivebalanceLedgerQueue: { livebalance_ledger_queued_commands: '1500x90' },
  LivebalanceOutboxStuck: { livebalance_outbox_oldest_seconds: '0+60x90' },
  LivebalanceWebhooksLate: { livebalance_webhook_lag_seconds: '0+60x90' },
  LivebalanceAnalyticsLate: { livebalance_analytics_age_seconds: '0+60x90' },
  LivebalanceWebhooksSetAside: { livebalance_webhook_set_aside_users: '1x90' },
  LivebalancePushFailing: {
    'livebalance_push_notifications_total{outcome="failed"}': '0+6x90',
    'livebalance_push_notifications_total{outcome="delivered"}': '0+1x90',
  },
  LivebalanceRedisUnavailable: { 'livebalance_redis_link{state="live"}': '0x90' },
  LivebalanceStreamNotLive: { 'livebalance_stream_state{state="stalled"}': '1x90' },
  LivebalanceSubscriberLag: slow('livebalance_subscriber_lag_seconds', '2.5'),
  LivebalanceReplaysFailing: {
    'livebalance_replays_total{recovered="true"}': '0+7x90',
    'livebalance_replays_total{recovered="false"}': '0+3x90',
  },
  LivebalanceSlowConsumers: {
    'livebalance_connection_cuts_total{reason="slow_consumer"}': '0+2x90',
    'livebalance_connections_opened_total{transport="sse"}': '0+10x90',
  },
  LivebalanceHandshakesRefused: {
    'livebalance_handshake_refusals_total{code="unauthorized"}': '0+200x90',
    'livebalance_connections_opened_total{transport="sse"}': '0+60x90',
  },
  LivebalanceRateLimited: { 'livebalance_rate_limited_total{budget="read"}': '0+900x90' },
  LivebalanceProviderEventsWaiting: { livebalance_provider_events_waiting: '1x90' },
  LivebalanceProviderRejected: {
    'livebalance_provider_events_total{provider="stripe",outcome="rejected"}': '0+2x90',
  },
  LivebalanceEventLoopLag: { nodejs_eventloop_lag_p99_seconds: '0.3x90' },
  LivebalanceFileDescriptors: { process_open_fds: '900x90', process_max_fds: '1000x90' },
  LivebalanceVersionsMixed: {
    'livebalance_build_info{version="1.0.0"}': '1x90',
    'livebalance_build_info{version="1.1.0"}': '1x90',
  },
}
