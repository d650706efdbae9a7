import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { expect, inject, onTestFinished } from 'vitest'
import { createBalanceClient } from '../../src/client/index.ts'
import { type Balance, startBalance } from '../../src/edge/index.ts'
import { parse } from '../support/conformance/event-stream.ts'
import { test as base } from '../support/fixtures.ts'
import { eventually, mintToken, TEST_SECRET, UNLIMITED } from '../support/index.ts'

const test = base.extend('start', ({ database }, { onCleanup }) => {
  const started: Balance[] = []
  onCleanup(async () => {
    await Promise.all(started.map((balance) => balance.stop()))
  })
  return async (more: Record<string, string> = {}) => {
    const balance = await startBalance({
      DATABASE_URL: database.ownerUrl,
      JWT_SECRET: TEST_SECRET,
      LOG_LEVEL: 'silent',
      DRAIN_SECONDS: '0.1',
      DATA_DIR: await mkdtemp(join(inject('runFolder'), 'edge-')),
      ...UNLIMITED,
      ...more,
    })
    started.push(balance)
    return balance
  }
})

const URL = 'https://balance.example'

async function asked(path: string, sub: string, init: RequestInit = {}, roles: string[] = []) {
  const headers = {
    Authorization: `Bearer ${await mintToken({ sub, roles })}`,
    'Content-Type': 'application/json',
    ...init.headers,
  }
  return new Request(URL + path, { ...init, headers })
}

const post = (body: unknown) => ({ method: 'POST', body: JSON.stringify(body) })

async function topUp(balance: Balance, sub: string): Promise<void> {
  const request = await asked('/transactions/topup', sub, post({ amount: 50 }))
  const { id } = (await (await balance.fetch(request)).json()) as { id: string }
  const path = `/transactions/topup/${id}/process`
  const decision = { method: 'PATCH', body: '{"status":"success"}' }
  const answer = await balance.fetch(await asked(path, 'ada', decision, ['admin']))
  expect(answer.status).toBe(200)
}

/** Reads blocks of an event stream until there are so many. */
async function read(answer: Response, count: number) {
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const blocks = text.split('\n\n').flatMap(parse)
    if (blocks.length >= count) {
      const ended = async () => {
        while (!(await reader.read()).done);
      }
      return { blocks, cancel: () => reader.cancel(), ended }
    }
    const { value, done } = await reader.read()
    if (done) throw new Error(`ended after ${text}`)
    text += decoder.decode(value, { stream: true })
  }
}

test('a plain call of fetch is a request', async ({ start }) => {
  const balance = await start()
  await topUp(balance, 'ann')
  const answer = await balance.fetch(await asked('/transactions/balance', 'ann'))
  expect(answer.headers.get('content-type')).toBe('application/json')
  expect(await answer.json()).toMatchObject({ balance: 50 })
  const refused = await balance.fetch(new Request(`${URL}/transactions/balance`))
  expect([refused.status, await refused.json()]).toMatchObject([401, { code: 'unauthorized' }])
  const ambiguous = await balance.fetch(await asked('/transactions/all?limit=1&limit=2', 'ann'))
  expect(ambiguous.status).toBe(400)
})

test('a stream resumes, and a reader that leaves no longer counts', async ({ start }) => {
  const balance = await start()
  await topUp(balance, 'bob')
  const first = await balance.fetch(await asked('/balance/stream', 'bob'))
  expect(first.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  const { blocks, cancel } = await read(first, 1)
  await cancel()
  await topUp(balance, 'bob')
  const headers = { 'Last-Event-ID': blocks[0]?.id as string }
  const again = await balance.fetch(await asked('/balance/stream', 'bob', { headers }))
  const { blocks: rest } = await read(again, 3)
  expect(rest.map(({ data }) => data.seq)).toEqual([2, 3, 4])
  const metrics = await (await balance.fetch(new Request(`${URL}/metrics`))).text()
  expect(metrics).toContain('livebalance_connections{transport="sse"} 1\n')
})

test('the given address has a limit, and only without one there is none', async ({ start }) => {
  const balance = await start({ RATE_LIMIT_IP_READS: '3', TRUST_PROXY: '1' })
  const read = async (address: string | undefined, forwarded: string) => {
    const headers = { 'X-Forwarded-For': forwarded }
    const request = await asked('/transactions/balance', 'cyd', { headers })
    return (await balance.fetch(request, { address })).status
  }
  for (let i = 0; i < 3; i++) expect(await read('10.0.0.1', '203.0.113.7')).toBe(200)
  expect(await read('10.0.0.2', '198.51.100.9, 203.0.113.7')).toBe(429)
  expect(await read('10.0.0.1', '203.0.113.8')).toBe(200)
  expect(await read(undefined, '203.0.113.7')).toBe(200)
})

test('where nothing upgrades, the client library uses SSE by itself', async ({ start }) => {
  const balance = await start()
  const server = createServer(getRequestListener((request) => balance.fetch(request)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const client = createBalanceClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    getToken: () => mintToken({ sub: 'dan' }),
  })
  onTestFinished(() => client.close())
  await eventually(() => {
    expect(client.getSnapshot().status).toMatchObject({ state: 'live', transport: 'sse' })
  })
  await topUp(balance, 'dan')
  await eventually(() => expect(client.getSnapshot().balance).toBe(50))
})

test('stop ends the streams, and answers what it began', async ({ start }) => {
  const balance = await start()
  const stream = await balance.fetch(await asked('/balance/stream', 'eve'))
  const { ended } = await read(stream, 1)
  const body = new TransformStream<Uint8Array, Uint8Array>()
  const writer = body.writable.getWriter()
  const init = { method: 'POST', body: body.readable, duplex: 'half' } as never
  const answer = balance.fetch(await asked('/transactions/topup', 'eve', init))
  await writer.write(new TextEncoder().encode('{"amount":'))
  const stopped = balance.stop()
  await ended()
  const refused = await balance.fetch(await asked('/balance/stream', 'eve'))
  expect(refused.status).toBe(503)
  await writer.write(new TextEncoder().encode('1}'))
  await writer.close()
  expect((await answer).status).toBe(201)
  await stopped
})
