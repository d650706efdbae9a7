import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  GuardedRequests,
  isPublicAddress,
  whyNotAllowed,
} from '../../src/deliveries/guarded-request.ts'
import { startReceiver } from '../support/deliveries/receiver.ts'

const PRIVATE = [
  ...['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
  ...['0.0.0.0', '255.255.255.255', '224.0.0.1', '192.0.2.1', '198.18.0.1', '240.0.0.1'],
  ...['::', '::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1', '2001:db8::1'],
  ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::127.0.0.1', '64:ff9b::a00:1', '2002:7f00:1::'],
  ...['::7f00:1', '::a00:1', '::2', '1::1', '4000::1', '8000::1', 'e000::1', 'fe00::1'],
  ...['', 'localhost'],
]

describe('an address', () => {
  test.each(PRIVATE)('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '3ffd::1', '::ffff:8.8.8.8'])(
    '%s is',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )
})

describe('a URL', () => {
  test.each([
    'http://shop.example.com/',
    'ftp://shop.example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://[::1]:8443/',
    'https://[::ffff:7f00:1]/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://a.localhost/',
    'https://user:pass@shop.example.com/',
  ])('%s is not allowed', (url) => {
    expect(whyNotAllowed(new URL(url), false)).toMatch(/^must/)
  })

  test('of a public host is allowed, and of a private one only by choice', () => {
    expect(whyNotAllowed(new URL('https://shop.example.com/hook?a=b'), false)).toBeUndefined()
    expect(whyNotAllowed(new URL('http://127.0.0.1/'), true)).toBeUndefined()
    expect(whyNotAllowed(new URL('ftp://127.0.0.1/'), true)).toMatch(/^must/)
  })
})

describe('a request', () => {
  const HOST = new URL('https://shop.example.com/')
  const guarded = (resolve: (host: string) => Promise<{ address: string; family: number }[]>) =>
    new GuardedRequests({ allowPrivate: false, resolve })

  test.each([
    ['a private address', [{ address: '127.0.0.1', family: 4 }]],
    [
      'a public and a private address',
      [
        { address: '8.8.8.8', family: 4 },
        { address: 'fd00::1', family: 6 },
      ],
    ],
    ['no address', []],
  ])('goes nowhere if the host has %s', async (_, addresses) => {
    await expect(guarded(async () => addresses).post(HOST, {}, '')).rejects.toMatchObject({
      code: 'ADDRESS_NOT_ALLOWED',
    })
  })

  test('resolves the host once, and connects to what was checked', async () => {
    const receiver = await startReceiver()
    const port = new URL(receiver.url).port
    const asked: string[] = []
    const requests = new GuardedRequests({
      allowPrivate: true,
      // A host that nobody else knows: only this answer leads to the receiver.
      async resolve(host) {
        asked.push(host)
        return [{ address: '127.0.0.1', family: 4 }]
      },
    })
    const url = new URL(`http://shop.invalid:${port}/hook`)
    expect(await requests.post(url, {}, '{}')).toMatchObject({ status: 204 })
    expect(asked).toEqual(['shop.invalid'])
    expect(receiver.received[0]?.headers.host).toBe(`shop.invalid:${port}`)
    requests.close()
  })

  test('keeps as many connections as it is to', async () => {
    const connections: unknown[] = []
    const receiver = createServer((request, response) =>
      request.resume().on('end', () => response.end()),
    )
    receiver.on('connection', (socket) => connections.push(socket))
    await once(receiver.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => {
      receiver.close()
    })
    const url = new URL(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`)
    const requests = new GuardedRequests({ allowPrivate: true, keptConnections: 20 })
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 20 }, () => requests.post(url, {}, '{}')))
    }
    expect(connections).toHaveLength(20)
    requests.close()
  })

  test('does not follow a redirect', async () => {
    const inner = await startReceiver()
    const outer = await startReceiver(() => ({ status: 302, headers: { Location: inner.url } }))
    const requests = new GuardedRequests({ allowPrivate: true })
    const { status } = await requests.post(new URL(outer.url), {}, '{}')
    expect([status, inner.received.length]).toEqual([302, 0])
    requests.close()
  })

  test('ends when the receiver takes too long', async () => {
    const receiver = await startReceiver(() => new Promise(() => {}))
    const requests = new GuardedRequests({ allowPrivate: true, timeoutMs: 100 })
    await expect(requests.post(new URL(receiver.url), {}, '{}')).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    requests.close()
  })

  test('reads no more of an answer than it needs', async () => {
    const receiver = await startReceiver(() => ({ status: 200, body: 'x'.repeat(10_000_000) }))
    const requests = new GuardedRequests({ allowPrivate: true })
    const { status, body } = await requests.post(new URL(receiver.url), {}, '{}')
    expect([status, body.length]).toEqual([200, 16_384])
    requests.close()
  })
})

describe('a key set', () => {
  const open = new GuardedRequests({ allowPrivate: true, timeoutMs: 300 })

  test('is read as JSON of at most 256 KiB, from where the URL leads and nowhere else', async () => {
    const receiver = await startReceiver()
    const url = new URL(receiver.url)
    const body = JSON.stringify({ keys: [], more: 'x'.repeat(200_000) })
    receiver.behave(() => ({ status: 200, body }))
    expect(await open.getJson(url)).toMatchObject({ keys: [] })
    receiver.behave(() => ({ status: 200, body: JSON.stringify('x'.repeat(300_000)) }))
    await expect(open.getJson(url)).rejects.toThrow()
    receiver.behave(() => ({ status: 200, body: 'no json' }))
    await expect(open.getJson(url)).rejects.toThrow(SyntaxError)
    receiver.behave(() => ({ status: 302, headers: { location: receiver.url }, body }))
    await expect(open.getJson(url)).rejects.toThrow('answered 302')
    expect(receiver.received).toHaveLength(4)
  })

  test('is not read from a host that has a private address', async () => {
    const resolve = async () => [{ address: '10.0.0.1', family: 4 }]
    const guarded = new GuardedRequests({ allowPrivate: false, resolve })
    await expect(guarded.getJson(new URL('https://id.example.com/keys'))).rejects.toMatchObject({
      code: 'ADDRESS_NOT_ALLOWED',
    })
  })
})
