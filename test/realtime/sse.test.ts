import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { EventSource } from 'eventsource'
import { describe, expect, onTestFinished } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { eventStreams } from '../../src/realtime/transports/sse.ts'
import { layWire } from '../support/client/wire.ts'
import { eventually } from '../support/index.ts'
import { startServer, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/fixtures.ts'

describe('an event stream', () => {
  async function open(url: string, head: string[]): Promise<{ socket: Socket; got(): string }> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let got = ''
    socket.on('data', (bytes) => {
      got += bytes
    })
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    return { socket, got: () => got }
  }

  test('that breaks off is an error to Node’s fetch, and not the end of the stream', async () => {
    const { url } = await startServer()
    const wire = await layWire(Number(new URL(url).port))
    const response = await fetch(`${wire.url}/balance/stream?token=${await tokenOf(ALICE)}`)
    const reader = response.body?.getReader()
    expect((await reader?.read())?.done).toBe(false)
    wire.cut()
    const rest = async () => {
      while (!(await reader?.read())?.done);
    }
    await expect(rest()).rejects.toThrow('terminated')
  })

  test('for an HTTP/1.0 client is not chunked, and ends with the connection', async () => {
    const { url, change, server } = await startServer({ heartbeatSeconds: 1 })
    const path = `/balance/stream?token=${await tokenOf(ALICE)}`
    const { socket, got } = await open(url, [`GET ${path} HTTP/1.0`, 'Host: localhost'])
    await eventually(() => expect(got()).toContain('balance_initial'))
    await change(ALICE, 100n)
    await eventually(() => expect(got()).toContain(': beat'))
    const ended = once(socket, 'close')
    await server.drain(0)
    await ended
    expect(got()).not.toMatch(/transfer-encoding/i)
    const [, body] = got().split(/\r\n\r\n/)
    expect(body?.replaceAll(': beat\n\n', '').split('\n\n')).toEqual([
      'retry: 2000',
      'event: balance_initial\nid: e1:0\ndata: {"balance":0,"currency":"USD","id":"e1:0","seq":0}',
      expect.stringMatching(/^event: balance_updated\nid: e1:1\ndata: \{.*\}$/),
      expect.stringMatching(/^event: transaction_completed\nid: e1:2\ndata: \{.*\}$/),
      '',
    ])
  })

  test('is chunked for an HTTP/1.1 client, and ends with the last chunk', async ({
    testServer,
  }) => {
    const { url, change, server } = testServer
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      tokenOf(ALICE)
        .then((token) =>
          request(`${url}/balance/stream?token=${token}`, resolve).on('error', reject).end(),
        )
        .catch(reject)
    })
    let body = ''
    response.setEncoding('utf8').on('data', (text) => {
      body += text
    })
    await eventually(() => expect(body).toContain('balance_initial'))
    await change(ALICE, 100n)
    await eventually(() => expect(body).toContain('transaction_completed'))
    const ended = once(response, 'end')
    await server.drain(0)
    await ended
    expect(response.headers['transfer-encoding']).toBe('chunked')
    expect(response.complete).toBe(true)
  })

  test('HEAD answers with the headers, opens no stream and does not count', async () => {
    const { url, gateway } = await startServer({ connectionsPerUser: 1 })
    const headers = { authorization: `Bearer ${await tokenOf(ALICE)}` }
    for (let i = 0; i < 3; i++) {
      const answer = await fetch(`${url}/balance/stream`, { method: 'HEAD', headers })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    }
    expect(gateway.users).toBe(0)
  })

  test('of the page of another origin is 403', async () => {
    const { url } = await startServer({ corsOrigins: ['https://app.example.com'] })
    const authorization = `Bearer ${await tokenOf(ALICE)}`
    const status = async (origin: string) => {
      const answer = await fetch(`${url}/balance/stream`, { headers: { authorization, origin } })
      await answer.body?.cancel()
      return answer.status
    }
    expect(await status('https://evil.example')).toBe(403)
    expect(await status('https://app.example.com')).toBe(200)
    expect(await status(url)).toBe(200)
  })

  test('of a client that disconnects, before or after its token was checked, no longer counts', async () => {
    const { url, gateway } = await startServer({ connectionsPerUser: 1 })
    const path = `/balance/stream?token=${await tokenOf(ALICE)}`
    for (let i = 0; i < 20; i++) {
      const { socket } = await open(url, [`GET ${path} HTTP/1.1`, 'Host: localhost'])
      // The client leaves at different moments of the handshake.
      await sleep(i % 4)
      socket.resetAndDestroy()
    }
    await eventually(async () => {
      const { got } = await open(url, [`GET ${path} HTTP/1.1`, 'Host: localhost'])
      await eventually(() => expect(got()).toMatch(/^HTTP/))
      expect(got()).toMatch(/^HTTP\/1\.1 200/)
    })
    expect(gateway.users).toBe(1)
  })

  test('is written in order after what was pipelined before it', async ({ testServer }) => {
    const { url, change } = testServer
    const path = `/balance/stream?token=${await tokenOf(ALICE)}`
    const { got } = await open(url, [
      'GET /nowhere HTTP/1.1',
      'Host: localhost',
      '',
      `GET ${path} HTTP/1.1`,
      'Host: localhost',
    ])
    await change(ALICE, 100n)
    await eventually(() => expect(got()).toContain('balance_initial'))
    await change(ALICE, 100n)
    await eventually(() => expect(got()).toContain('"seq":4'))
    const [first = '', second = ''] = got().split('HTTP/1.1 200 OK')
    expect(first).toMatch(/^HTTP\/1\.1 404/)
    expect(second).toMatch(/retry: 2000.*balance_initial.*"seq":3.*"seq":4/s)
  })

  test('of an EventSource reconnects by itself after `retry`, and misses nothing', async ({
    testServer,
  }) => {
    const { url, change, server } = testServer
    const source = new EventSource(`${url}/balance/stream?token=${await tokenOf(ALICE)}`)
    onTestFinished(() => source.close())
    const got: unknown[] = []
    for (const event of ['balance_initial', 'balance_updated', 'transaction_completed']) {
      source.addEventListener(event, ({ data, lastEventId }) => {
        const { seq, recovered } = JSON.parse(data)
        got.push({ event, lastEventId, seq, ...(recovered !== undefined && { recovered }) })
      })
    }
    await eventually(() => expect(got).toHaveLength(1))
    await change(ALICE, 100n)
    await eventually(() => expect(got).toHaveLength(3))
    server.http.closeAllConnections()
    await eventually(() => expect(source.readyState).toBe(EventSource.CONNECTING))
    await change(ALICE, 100n)
    await eventually(() => expect(got).toHaveLength(6))
    expect(got.slice(3)).toEqual([
      { event: 'balance_initial', lastEventId: 'e1:2', seq: 2, recovered: true },
      { event: 'balance_updated', lastEventId: 'e1:3', seq: 3 },
      { event: 'transaction_completed', lastEventId: 'e1:4', seq: 4 },
    ])
  })

  test('without a Node response, as on other runtimes, says the same', async () => {
    const { gateway, change, server } = await startServer({ heartbeatSeconds: 1 })
    const answer = await eventStreams(gateway).request('/stream?lastEventId=e1:0', {
      headers: { authorization: `Bearer ${await tokenOf(ALICE)}` },
    })
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(answer.headers.get('x-accel-buffering')).toBe('no')
    const reader = (answer.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream() as never)
      .getReader() as ReadableStreamDefaultReader<string>
    let body = ''
    const read = async () => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        body += value
      }
    }
    const ended = read()
    await change(ALICE, 100n)
    await eventually(() => {
      expect(body).toMatch(/^retry: 2000\n\nevent: balance_initial\n.*"recovered":true/s)
      expect(body).toMatch(/event: transaction_completed\nid: e1:2\n.*: beat\n\n/s)
    })
    await server.drain(0)
    await ended
    expect(gateway.users).toBe(0)
  })
})
