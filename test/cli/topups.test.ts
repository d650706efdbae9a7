import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { parseCommandConfig } from '../../src/cli/command.ts'
import { serverApi, take } from '../../src/cli/server-api.ts'
import { livebalance } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis, mintToken, TEST_SECRET } from '../support/index.ts'

describeWithRedis('topups, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => livebalance(beside.server.env, ...args)
  const topup = (amount: number | string, sub = 'cli-alice') =>
    beside.server.post(sub, '/transactions/topup', { amount })

  test('topups are listed, approved and rejected, each for itself', async () => {
    const [good, bad] = [await topup('90071992547409.91'), await topup(20)]
    const listed = await cli('topups', 'list')
    expect(listed.code).toBe(0)
    expect(listed.stdout).toMatch(
      new RegExp(`^${good.id} +cli-alice +90071992547409.91 +USD +pending`, 'm'),
    )
    const user = await cli('topups', 'list', '--user', 'nobody', '--json')
    expect(user.json()).toEqual({ items: [], total: 0 })

    const rejected = await cli('topups', 'reject', bad.id, '--notes', 'no such payment', '--json')
    expect(rejected.json().items[0].transaction).toMatchObject({
      status: 'failed',
      adminNotes: 'no such payment',
    })
    const mixed = await cli('topups', 'approve', good.id, bad.id, '../admin', '--json')
    expect(mixed.code).toBe(1)
    // The whole amount, which no double holds.
    expect(mixed.stdout).toContain('"amount":90071992547409.91')
    expect(mixed.json().items).toMatchObject([
      { id: good.id, transaction: { status: 'success', processedBy: 'cli' } },
      { id: bad.id, error: { code: 'already_processed' } },
      { id: '../admin', error: { code: 'invalid_request' } },
    ])
  })

  test('lists are read page by page', async () => {
    await Promise.all(Array.from({ length: 101 }, () => topup(1, 'cli-many')))
    const args = ['topups', 'list', '--user', 'cli-many', '--json', '--limit']
    const [all, some] = await Promise.all([cli(...args, '500'), cli(...args, '3')])
    expect(new Set(all.json().items.map(({ id }: { id: string }) => id)).size).toBe(101)
    expect(some.json()).toEqual({ items: all.json().items.slice(0, 3), total: 101 })
  })

  test('what waits is listed oldest first, and how much of it there is', async () => {
    const [first, second] = [await topup(1, 'cli-order'), await topup(2, 'cli-order')]
    const ids = async (...args: string[]) => {
      const { items } = (
        await cli('topups', 'list', '--user', 'cli-order', '--json', ...args)
      ).json()
      return items.map(({ id }: { id: string }) => id)
    }
    expect(await ids()).toEqual([first.id, second.id])
    expect(await ids('--order', 'desc')).toEqual([second.id, first.id])
    expect(await ids('--status', 'all')).toEqual([second.id, first.id])
    expect(await ids('--status', 'all', '--order', 'asc')).toEqual([first.id, second.id])
    const { stderr } = await cli('topups', 'list', '--user', 'cli-order', '--limit', '1')
    expect(stderr).toContain('1 of 2: --limit shows more.')
  })

  test('a token that is not an admin’s is refused, with the server’s reason', async () => {
    const env = { ...beside.server.env, LIVEBALANCE_TOKEN: await mintToken({ sub: 'cli-alice' }) }
    const { code, stderr } = await livebalance(env, 'topups', 'list', '--json')
    expect([code, JSON.parse(stderr).error.code]).toEqual([1, 'forbidden'])
    const tenant = await livebalance(env, 'topups', 'list', '--tenant', 'acme')
    expect(tenant.code).toBe(2)
  })

  test('another tenant’s topups are not seen', async () => {
    await topup(5)
    expect((await cli('topups', 'list', '--tenant', 'acme', '--json')).json()).toEqual({
      items: [],
      total: 0,
    })
  })
})

/** Answers the first request of a kind by `answer`, and notes what came: method, path and whether it had a key. */
async function counting(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const { method, url, headers } = request
    seen.push(`${method} ${url} ${'idempotency-key' in headers ? 'with' : 'without'} a key`)
    const first = seen.indexOf(seen.at(-1) ?? '') === seen.length - 1
    request.resume().once('end', () => (first ? answer(request, response) : response.end('{}')))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const UNKNOWN: [name: string, (request: IncomingMessage, response: ServerResponse) => void][] = [
  [
    'the server does not know whether it was done',
    (_, response) => {
      const problem = { code: 'timeout', message: 'It took too long.', requestId: 'r' }
      response.writeHead(503, { 'Content-Type': 'application/json' }).end(JSON.stringify(problem))
    },
  ],
  ['the connection breaks before the answer', (request) => void request.socket.destroy()],
]

test.each(UNKNOWN)('where %s, only a call with a key is sent again', async (_, answer) => {
  const { seen, url } = await counting(answer)
  const config = parseCommandConfig({ JWT_SECRET: TEST_SECRET })
  const api = await serverApi(config, { url, tenant: undefined })
  const json = { type: 'booking_payment' as const, amount: 1 }
  const outcome = (call: Promise<unknown>) => take(call as never).catch((error: unknown) => error)
  expect(await outcome(api.transactions.$post({ json }))).toHaveProperty('code', 'timeout')
  expect(seen).toEqual(['POST /transactions without a key'])
  await outcome(api.transactions.$post({ json }, { headers: { 'Idempotency-Key': 'k' } }))
  expect(seen.slice(1)).toEqual(Array(2).fill('POST /transactions with a key'))
})

test('a server that is busy is asked again, a topup with the key that it had', async () => {
  const keys: unknown[] = []
  const busy = createServer((request, response) => {
    keys.push(request.headers['idempotency-key'])
    if (keys.length < 3) response.writeHead(503, { 'Retry-After': '0.01' }).end('{}')
    else
      response.end(JSON.stringify({ userId: 'a', amount: 1, currency: 'USD', status: 'success' }))
  })
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void busy.close())
  const url = `http://127.0.0.1:${(busy.address() as AddressInfo).port}`
  const { code } = await livebalance(
    { JWT_SECRET: TEST_SECRET },
    'topups',
    'approve',
    'x',
    '--url',
    url,
  )
  expect([code, keys.length, new Set(keys).size]).toEqual([0, 3, 1])
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
})
