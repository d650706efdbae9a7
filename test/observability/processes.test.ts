import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, inject } from 'vitest'
import { test as base } from '../support/fixtures.ts'
import { describeWithRedis, eventually, mintToken, redisUrl } from '../support/index.ts'
import { startCollector } from '../support/observability/collector.ts'
import { connectBy } from '../support/realtime/balance-server.ts'
import { ServerProcess } from '../support/server-process.ts'

const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const CONSUMER = 5

const test = base
  .extend('collector', { scope: 'file' }, async ({}, { onCleanup }) => {
    const collector = await startCollector()
    onCleanup(() => collector.close())
    return collector
  })
  /** Two processes, `a` and `b`, on one database. */
  .extend('servers', { scope: 'file' }, async ({ database, collector }, { onCleanup }) => {
    const start = (name: string) =>
      ServerProcess.start({
        databaseUrl: database.ownerUrl,
        redisUrl: redisUrl(),
        logFile: join(inject('runFolder'), `traced-${name}.log`),
        more: {
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          OTEL_RESOURCE_ATTRIBUTES: `service.instance.id=${name}`,
          DRAIN_SECONDS: '0',
        },
      })
    const servers = await Promise.all([start('a'), start('b')])
    onCleanup(() => Promise.all(servers.map((server) => server.end('SIGKILL'))).then(() => {}))
    return servers
  })

describeWithRedis('a change that one process makes and another delivers', () => {
  test('is one trace: the request, the SQL call, the message and the delivery', async ({
    collector,
    servers,
  }) => {
    const [a, b] = servers as [ServerProcess, ServerProcess]
    const redis = new Redis(redisUrl())
    const messages: { userId: string; traceparent?: string }[] = []
    await redis.subscribe('balance:updates')
    redis.on('message', (_, text) => messages.push(JSON.parse(text)))
    const client = connectBy.SSE(b.url, await mintToken({ sub: 'traced-alice' }))
    await eventually(() => expect(client.received).toHaveLength(1))

    const traceId = randomBytes(16).toString('hex')
    const callerId = randomBytes(8).toString('hex')
    const request = async (path: string, init: RequestInit, traceparent: string) => {
      const token = await mintToken({ sub: 'ada', roles: ['admin'] })
      const headers = {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        traceparent,
      }
      return fetch(a.url + path, { ...init, headers })
    }
    const gift = { userId: 'traced-alice', amount: 5, description: 'a gift' }
    const body = JSON.stringify(gift)
    const caller = `00-${traceId}-${callerId}-01`
    const path = '/transactions/adjustment'
    expect((await request(path, { method: 'POST', body }, caller)).status).toBe(201)
    await eventually(() => expect(client.seqs()).toHaveLength(2))
    // A caller that is not sampled creates no spans, and neither do the effects of its request.
    const unseen = caller.replace(traceId, 'e'.repeat(32)).replace(/01$/, '00')
    expect((await request(path, { method: 'POST', body }, unseen)).status).toBe(201)
    await eventually(() => expect(client.seqs()).toHaveLength(4))
    const read = `00-${'d'.repeat(32)}-${callerId}-01`
    expect((await request('/transactions/balance', {}, read)).status).toBe(200)
    client.close()
    redis.disconnect()

    // The last spans are exported when the process ends.
    for (const server of servers) expect(await server.end('SIGTERM')).toBe(0)
    const spans = collector.spans.filter((span) => span.traceId === traceId)
    const named = (name: string) => spans.filter((span) => span.name === name)
    const [server] = named(`POST ${path}`)
    expect(server).toMatchObject({
      kind: SERVER,
      parentSpanId: callerId,
      attributes: { 'http.route': path, 'http.response.status_code': 201, 'url.path': path },
      resource: { 'service.name': 'livebalance', 'service.instance.id': 'a' },
    })
    const parentSpanId = server?.spanId
    expect(named('ledger_apply')).toEqual([
      expect.objectContaining({
        kind: CLIENT,
        parentSpanId,
        attributes: { 'db.system.name': 'postgresql', 'db.operation.batch.size': 1 },
        resource: expect.objectContaining({ 'service.instance.id': 'a' }),
      }),
    ])
    expect(named('send balance:updates')).toEqual([
      expect.objectContaining({
        kind: PRODUCER,
        parentSpanId,
        resource: expect.objectContaining({ 'service.instance.id': 'a' }),
      }),
    ])
    const deliver = (seq: number) =>
      expect.objectContaining({
        kind: CONSUMER,
        parentSpanId,
        attributes: expect.objectContaining({
          'livebalance.seq': seq,
          'livebalance.connections': 1,
        }),
        resource: expect.objectContaining({ 'service.instance.id': 'b' }),
      })
    expect(named('deliver')).toEqual([deliver(1), deliver(2)])
    expect(spans).toHaveLength(5)

    const traceparents = messages
      .filter(({ userId }) => userId === 'traced-alice')
      .map(({ traceparent }) => traceparent)
    expect(traceparents.slice(0, 2)).toEqual(Array(2).fill(`00-${traceId}-${parentSpanId}-01`))
    expect(collector.spans.some((span) => span.traceId === 'e'.repeat(32))).toBe(false)

    const reading = collector.spans.filter((span) => span.traceId === 'd'.repeat(32))
    expect(reading.map(({ name }) => name).sort()).toEqual([
      'GET /transactions/balance',
      'postgresql balance',
    ])
    const text = JSON.stringify(collector.spans)
    expect(text).not.toMatch(/eyJ|traced-alice|Bearer/)
    console.log(`tracing: ${collector.spans.length} spans from ${servers.length} processes`)
  })
})
