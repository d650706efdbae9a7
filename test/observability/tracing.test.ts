import { test as base, describe, expect } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { validTraceparent } from '../../src/http/middleware/observe.ts'
import type { Command } from '../../src/ledger/command.ts'
import { createLogger } from '../../src/lib/log.ts'
import { startTracing, type Tracing } from '../../src/observability/tracing.ts'
import { edge, token } from '../support/http/stub.ts'
import { type Collector, startCollector } from '../support/observability/collector.ts'

const trace = (digit: string, flags = '01') => `00-${digit.repeat(32)}-${digit.repeat(16)}-${flags}`

const test = base.extend('collector', async ({}, { onCleanup }) => {
  const collector = await startCollector()
  onCleanup(() => collector.close())
  return collector
})

describe('with a collector', () => {
  function start(collector: Collector, env: Record<string, string> = {}): Tracing {
    const config = parseConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env })
    if (!config.tracing) throw new Error('not configured')
    const log = createLogger({ logLevel: 'silent', production: true }, false)
    return startTracing({ config: config.tracing, version: '1', log })
  }

  const payment = (traceparent: string): Command => ({
    op: 'payment',
    tenant: 'default',
    actor: 'alice',
    traceparent,
  })

  test('one SQL call for many requests is the child of one, linked to the rest, and they to it', async ({
    collector,
  }) => {
    const tracing = start(collector)
    const requests = ['a', 'b', 'c'].map((digit) =>
      tracing.requests.begin('POST', '/transactions', trace(digit)),
    )
    const commands = requests.map(({ traceparent }) => payment(traceparent))
    tracing.ledger.calling([...commands, payment(trace('f', '00'))])([])
    const answer = { route: '/transactions', method: 'POST', status: 201, error: undefined }
    for (const request of requests) request.end(answer)
    await tracing.close()

    const [call] = collector.spans.filter(({ name }) => name === 'ledger_apply')
    const servers = collector.spans.filter(({ name }) => name === 'POST /transactions')
    const [a, b, c] = ['a', 'b', 'c'].map((digit) =>
      servers.find(({ traceId }) => traceId === digit.repeat(32)),
    )
    expect(call).toMatchObject({
      traceId: a?.traceId,
      parentSpanId: a?.spanId,
      attributes: { 'db.operation.batch.size': 4 },
    })
    expect(call?.links.map(({ spanId }) => spanId)).toEqual([b?.spanId, c?.spanId])
    for (const other of [b, c]) {
      expect(other?.links).toEqual([
        expect.objectContaining({ traceId: call?.traceId, spanId: call?.spanId }),
      ])
    }
  })

  test('a failed call and a failed request are marked as such', async ({ collector }) => {
    const tracing = start(collector)
    const { app } = edge({ tracer: tracing.requests, readiness: () => Promise.reject('no') })
    const response = await app.request('/transactions/balance', {
      headers: { Authorization: `Bearer ${await token()}`, traceparent: trace('a') },
    })
    expect(response.status).toBe(500)
    tracing.ledger.calling([payment(trace('a'))])()
    tracing.publishing.publishing([])(false)
    await tracing.close()
    const errors = collector.spans.map(({ name, status }) => [name, status.code])
    expect(errors.sort()).toEqual([
      ['GET /transactions/balance', 2],
      ['ledger_apply', 2],
    ])
  })

  test('the sampler decides, not the caller, where one is configured', async ({ collector }) => {
    const tracing = start(collector, {
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    })
    const request = tracing.requests.begin('GET', '/', trace('a'))
    expect(request.traceparent).toMatch(/^00-a{32}-[0-9a-f]{16}-00$/)
    request.end({ route: '/', method: 'GET', status: 200, error: undefined })
    await tracing.close()
    expect(collector.spans).toEqual([])
  })

  test('probes and scrapes are not traced', async ({ collector }) => {
    const tracing = start(collector)
    const { app } = edge({ tracer: tracing.requests })
    for (const path of ['/health/live', '/metrics', '/nowhere']) await app.request(path)
    await tracing.close()
    expect(collector.spans.map(({ attributes }) => attributes['url.path'])).toEqual(['/nowhere'])
  })
})

test('without tracing the caller’s own context goes along, if it is one', async () => {
  const { app, commands } = edge()
  const ask = async (traceparent: string) => {
    await app.request('/transactions/topup', {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${await token()}`,
        'Content-Type': 'application/json',
        traceparent,
      },
      body: '{"amount": 5}',
    })
    return commands.at(-1)?.traceparent
  }
  expect(await ask(trace('a'))).toBe(trace('a'))
  expect(await ask('00-nonsense')).toBeUndefined()
})

test.each([
  [trace('a'), trace('a')],
  // A later version may add fields at the end, which are ignored.
  [`01-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
  [`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`, undefined],
  [trace('0'), undefined],
  [trace('a').replace('00-', 'ff-'), undefined],
  [trace('A'), undefined],
  ['', undefined],
])('traceparent %s is %s', (text, expected) => {
  expect(validTraceparent(text)).toBe(expected)
})

test('nothing is traced without a collector, or where it is disabled', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318/' }
  expect(parseConfig({}).tracing).toBeUndefined()
  expect(parseConfig({ ...endpoint, OTEL_SDK_DISABLED: 'true' }).tracing).toBeUndefined()
  expect(parseConfig(endpoint).tracing?.url).toBe('http://localhost:4318/v1/traces')
  expect(() => parseConfig({ OTEL_TRACES_SAMPLER_ARG: '2' })).toThrow(/from 0 to 1/)
})
