import { createRequire } from 'node:module'
import { expect } from 'vitest'
import { METRICS, PREFIX } from '../../src/observability/metric-definitions.ts'
import { describeWithRedis, eventually, mintToken } from '../support/index.ts'
import { type Booted, test } from '../support/observability/booted.ts'
import { scrape } from '../support/observability/scrape.ts'
import { connectBy } from '../support/realtime/balance-server.ts'

describeWithRedis('/metrics', () => {
  async function call(
    server: Booted,
    sub: string,
    request: string,
    body?: object,
    headers: Record<string, string> = {},
  ) {
    const [method = '', path] = request.split(' ')
    const roles = sub === 'ada' ? ['admin'] : []
    const response = await fetch(server.url + path, {
      method,
      headers: {
        Authorization: `Bearer ${await mintToken({ sub, roles })}`,
        ...(body && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    await response.arrayBuffer()
    return response.status
  }

  const give = (server: Booted, userId: string) =>
    call(server, 'ada', 'POST /transactions/adjustment', {
      userId,
      amount: 10,
      description: 'a gift',
    })

  test('requests, commands and refusals are counted by route, operation and outcome', async ({
    server,
  }) => {
    expect(await give(server, 'metric-alice')).toBe(201)
    const topup = { amount: 5 }
    const key = { 'Idempotency-Key': 'once' }
    expect(await call(server, 'metric-alice', 'POST /transactions/topup', topup, key)).toBe(201)
    expect(await call(server, 'metric-alice', 'POST /transactions/topup', topup, key)).toBe(201)
    const payment = { type: 'booking_payment', amount: 1000 }
    expect(await call(server, 'metric-alice', 'POST /transactions', payment)).toBe(402)
    for (const id of ['0199a000-0000-7000-8000-000000000001', 'no-id']) {
      await call(server, 'metric-alice', `GET /transactions/${id}`)
    }
    expect(await call(server, 'metric-alice', 'GET /wp-login.php')).toBe(404)
    expect(await call(server, 'metric-alice', 'GET /wp-admin/42')).toBe(404)

    const { value, samples } = await scrape(server.url)
    const commands = (op: string, outcome: string) =>
      value('livebalance_ledger_commands_total', { op, outcome })
    expect(commands('adjustment', 'ok')).toBe(1)
    expect(commands('topup_request', 'ok')).toBe(1)
    expect(commands('topup_request', 'replayed')).toBe(1)
    expect(commands('payment', 'insufficient_funds')).toBe(1)
    const answered = (method: string, route: string, status: string) =>
      value('livebalance_http_request_duration_seconds_count', { method, route, status })
    expect(answered('POST', '/transactions', '4xx')).toBe(1)
    expect(answered('POST', '/transactions/topup', '2xx')).toBe(2)
    expect(answered('GET', '/transactions/:id', '4xx')).toBe(2)
    expect(answered('GET', 'none', '4xx')).toBe(2)
    expect(value('livebalance_ledger_batch_commands_count')).toBeGreaterThanOrEqual(4)
    expect(value('livebalance_ledger_batch_commands_sum')).toBeGreaterThanOrEqual(4)
    expect(value('livebalance_ledger_call_duration_seconds_sum')).toBeGreaterThan(0)
    // No label has a value that a caller can choose: it would use unbounded memory and reveal users.
    const labels = JSON.stringify(samples.map((sample) => sample.labels))
    expect(labels).not.toMatch(/alice|0199a000|wp-/)
  })

  test('a stream is counted from its opening to its deliveries, its resuming and its end', async ({
    server,
  }) => {
    expect(await give(server, 'metric-bob')).toBe(201)
    const before = await scrape(server.url)
    const moved = (after: typeof before, name: string, labels?: Record<string, string>) =>
      (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0)

    const token = await mintToken({ sub: 'metric-bob' })
    const client = connectBy.SSE(server.url, token)
    await eventually(() => expect(client.received).toHaveLength(1))
    expect(await give(server, 'metric-bob')).toBe(201)
    await eventually(() => expect(client.seqs()).toHaveLength(2))
    const open = await scrape(server.url)
    expect(open.value('livebalance_connections', { transport: 'sse' })).toBe(1)
    expect(open.value('livebalance_connected_users')).toBe(1)
    expect(moved(open, 'livebalance_connections_opened_total', { transport: 'sse' })).toBe(1)
    expect(moved(open, 'livebalance_deliveries_total')).toBe(2)
    expect(moved(open, 'livebalance_published_events_total')).toBe(2)
    expect(moved(open, 'livebalance_publish_duration_seconds_count')).toBe(1)
    expect(moved(open, 'livebalance_subscriber_messages_total', { kind: 'event' })).toBe(2)
    expect(moved(open, 'livebalance_subscriber_lag_seconds_count')).toBeGreaterThan(0)

    const id = String(client.received[0]?.data.id)
    client.close()
    const resumed = connectBy.WebSocket(server.url, token, { lastEventId: id })
    await eventually(() => expect(resumed.seqs()).toHaveLength(2))
    const lost = connectBy['Socket.IO'](server.url, token, { lastEventId: 'another:1' })
    await eventually(() => expect(lost.received).toHaveLength(1))
    expect(await connectBy.WebSocket(server.url, 'no token').failure).toEqual({ status: 401 })
    await eventually(async () => {
      const after = await scrape(server.url)
      expect(moved(after, 'livebalance_replays_total', { recovered: 'true' })).toBe(1)
      expect(moved(after, 'livebalance_replays_total', { recovered: 'false' })).toBe(1)
      expect(moved(after, 'livebalance_replayed_events_total')).toBe(2)
      expect(moved(after, 'livebalance_handshake_refusals_total', { code: 'unauthorized' })).toBe(1)
      expect(after.value('livebalance_connections', { transport: 'sse' })).toBe(0)
      expect(after.value('livebalance_connections', { transport: 'websocket' })).toBe(1)
      expect(after.value('livebalance_connections', { transport: 'socket.io' })).toBe(1)
    })

    for (let i = 0; i < 30; i++) resumed.send('get_current_balance')
    await resumed.failure
    const cut = await scrape(server.url)
    expect(moved(cut, 'livebalance_connection_cuts_total', { reason: 'rate_limited' })).toBe(1)
  })

  test('the cache’s hits and misses are counted', async ({ server }) => {
    const before = await scrape(server.url)
    const read = () => call(server, 'metric-carol', 'GET /transactions/balance/cached')
    await read()
    await eventually(async () => {
      await read()
      const after = await scrape(server.url)
      const moved = (result: string) =>
        (after.value('livebalance_cache_reads_total', { result }) ?? 0) -
        (before.value('livebalance_cache_reads_total', { result }) ?? 0)
      expect([moved('miss') >= 1, moved('hit') >= 1]).toEqual([true, true])
    })
  })

  test('every metric has a name, a help and labels as Prometheus wants them', async ({
    server,
  }) => {
    const { types, samples } = await scrape(server.url)
    for (const { name, type, labels, help } of METRICS) {
      expect(types.get(PREFIX + name)).toBe(type)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      expect(help).toMatch(/\.$/)
      const of = new RegExp(`^${PREFIX}${name}(_bucket|_sum|_count)?$`)
      for (const sample of samples.filter((sample) => of.test(sample.name))) {
        const { le: _, ...rest } = sample.labels
        expect([name, Object.keys(rest)]).toEqual([name, labels])
      }
    }
    expect(types.has('process_cpu_seconds_total')).toBe(true)
    expect(types.has('nodejs_eventloop_lag_p99_seconds')).toBe(true)
    // Without tracing configured, its modules are not loaded.
    const loaded = Object.keys(createRequire(import.meta.url).cache).join()
    expect(loaded).toContain('/prom-client/')
    expect(loaded).not.toContain('/@opentelemetry/sdk-trace/')
    console.log(`metrics: ${METRICS.length} of ours, ${types.size} with those of Node`)
  })

  test('a request leaves a log line with its user, route, duration and trace, and no token', async ({
    server,
  }) => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
    const headers = { traceparent, 'X-Request-Id': 'asked-1' }
    await call(
      server,
      'metric-dora',
      'POST /transactions/topup?token=secret-word',
      { amount: 5 },
      headers,
    )
    await call(server, 'metric-dora', 'GET /transactions/balance', undefined, {
      'X-Request-Id': 'asked-2',
    })
    const lines = server.log.filter(({ msg }) => msg === 'request')
    expect(lines.find(({ requestId }) => requestId === 'asked-1')).toEqual({
      level: 'info',
      time: expect.any(String),
      msg: 'request',
      requestId: 'asked-1',
      method: 'POST',
      path: '/transactions/topup',
      status: 201,
      durationMs: expect.any(Number),
      sub: 'metric-dora',
      tenant: 'default',
      traceId: 'ab'.repeat(16),
    })
    expect(lines.find(({ requestId }) => requestId === 'asked-2')).toMatchObject({
      level: 'debug',
      status: 200,
    })
    expect(JSON.stringify(server.log)).not.toMatch(/secret-word|eyJ/)
  })
})
