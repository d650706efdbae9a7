import { expect } from 'vitest'
import { createApi } from '../../src/client/index.ts'
import { test } from '../support/client/fixtures.ts'
import { record } from '../support/client/recorded.ts'
import { eventually, mintToken } from '../support/index.ts'

test('a topup from the request to the approval, all by typed calls', async ({ server }) => {
  const user = createApi({ url: server.url, token: await mintToken({ sub: 'carol' }) })
  const token = await mintToken({ sub: 'ada', roles: ['admin'] })
  const admin = createApi({ url: `${server.url}/`, token })
  const asked = await user.transactions.topup.$post({ json: { amount: 12.5 } })
  const { id } = await asked.json()
  const pending = await admin.transactions.topup.pending.$get({ query: {} })
  expect((await pending.json()).items.map((item) => item.id)).toContain(id)
  const processed = await admin.transactions.topup[':id'].process.$patch({
    param: { id },
    json: { status: 'success', adminNotes: 'seen' },
  })
  expect(await processed.json()).toMatchObject({ status: 'success', newBalance: 12.5 })
  const read = await user.transactions.balance.$get({ query: {} })
  expect(await read.json()).toMatchObject({ balance: 12.5, currency: 'USD' })
})

test('a refused token is replaced and the call sent again, once', async ({ wire }) => {
  const tokens = ['nonsense', await mintToken({ sub: 'dora' })]
  const api = createApi({ url: wire.url, getToken: () => tokens.shift() ?? 'no more' })
  const answer = await api.transactions.topup.$post({ json: { amount: 1 } })
  expect(answer.status).toBe(201)
  expect(wire.requests).toHaveLength(2)
  const hopeless = createApi({ url: wire.url, token: 'nonsense' })
  const refused = await hopeless.transactions.topup.$post({ json: { amount: 1 } })
  expect([Number(refused.status), wire.requests.length]).toEqual([401, 3])
})

test('refresh reads the ledger while there is no stream, and failing never throws', async ({
  server,
  wire,
}) => {
  const token = await mintToken({ sub: 'emma' })
  const client = record({
    url: wire.url,
    transport: 'websocket',
    token,
    retry: { minDelay: 60_000, maxDelay: 60_000 },
  })
  await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
  wire.down = true
  wire.cut()
  await eventually(() => expect(client.getSnapshot().error).not.toBeNull())
  await server.fund('emma', 3)
  await expect(client.refresh()).resolves.toMatchObject({
    balance: 0,
    error: { code: 'unreachable' },
  })
  wire.down = false
  await expect(client.refresh()).resolves.toMatchObject({ balance: 3 })
  await eventually(() => expect(client.seqs()).toEqual([1, 2]))
  expect(client.getSnapshot()).toMatchObject({ balance: 3, status: { state: 'live' }, error: null })
})
