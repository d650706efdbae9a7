import { describe, expect } from 'vitest'
import { test } from '../support/client/fixtures.ts'
import { record, TRANSPORTS } from '../support/client/recorded.ts'
import { eventually, mintToken } from '../support/index.ts'

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('the balance follows the ledger, and each event comes once, in order', async ({
    server,
    user,
  }) => {
    const { url, fund } = server
    await fund(user, 100)
    const client = record({ url, transport, token: await mintToken({ sub: user }) })
    await eventually(() => expect(client.getSnapshot().balance).toBe(100))
    expect(client.getSnapshot()).toEqual({
      balance: 100,
      currency: 'USD',
      seq: 2,
      status: { state: 'live', transport, fallback: false, role: 'alone' },
      lastEvent: null,
      error: null,
    })
    await fund(user, 50.25)
    await fund('bob', 1)
    await fund(user, 0.01)
    await eventually(() => expect(client.seqs()).toEqual([3, 4, 5, 6]))
    expect(client.getSnapshot()).toMatchObject({ balance: 150.26, seq: 6 })
    expect(client.getSnapshot().lastEvent).toMatchObject({ event: 'transaction_completed' })
    expect(client.events[0]).toMatchObject({
      event: 'balance_updated',
      newBalance: 150.25,
      previousBalance: 100,
      amount: 50.25,
      transactionType: 'topup',
    })
  })

  test('a maximum rate holds back what comes sooner', async ({ server, user }) => {
    const { url, fund } = server
    const token = await mintToken({ sub: user })
    const slow = record({ url, transport, token, maxRate: 0.1 })
    const quick = record({ url, transport, token })
    for (const client of [slow, quick]) {
      await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    }
    for (let i = 0; i < 5; i++) await fund(user, 1)
    await eventually(() => expect(quick.seqs()).toHaveLength(10))
    await eventually(() => expect(slow.seqs()).toEqual([1, 2]))
  })

  test('a cut connection resumes: nothing is missing, nothing comes twice', async ({
    server,
    user,
    wire,
  }) => {
    await server.fund(user, 1)
    const token = await mintToken({ sub: user })
    const client = record({ url: wire.url, transport, token })
    const starts: unknown[] = []
    client.on('balance_initial', (initial) => starts.push(initial))
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    await server.fund(user, 1)
    await eventually(() => expect(client.seqs()).toEqual([3, 4]))
    wire.down = true
    wire.cut()
    await eventually(() => expect(client.getSnapshot().status.state).toBe('reconnecting'))
    expect(client.getSnapshot()).toMatchObject({ balance: 2, error: { code: 'unreachable' } })
    for (let i = 0; i < 3; i++) await server.fund(user, 1)
    wire.down = false
    await eventually(() => expect(client.seqs()).toEqual([3, 4, 5, 6, 7, 8, 9, 10]))
    expect(client.getSnapshot()).toMatchObject({ balance: 5, error: null })
    expect(starts.slice(1)).toMatchObject([{ recovered: true, replay: 6, balance: 5 }])
  })
})

test('past events are read in pages, back to the first and forth again', async ({
  server,
  user,
}) => {
  const { url, fund } = server
  for (let i = 1; i <= 3; i++) await fund(user, i)
  const client = record({ url, token: await mintToken({ sub: user }) })
  await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
  const newest = await client.history({ limit: 4 })
  expect(newest.items.map(({ seq }) => seq)).toEqual([6, 5, 4, 3])
  expect(newest.items[1]).toMatchObject({ event: 'balance_updated', newBalance: 6, amount: 3 })
  const rest = await client.history({ before: newest.nextCursor ?? '', limit: 4 })
  expect([rest.items.map(({ seq }) => seq), rest.nextCursor]).toEqual([[2, 1], null])
  const after = await client.history({ after: rest.items[0]?.id ?? '', limit: 2 })
  expect(after).toMatchObject({ items: [{ seq: 3 }, { seq: 4 }], recovered: true })
  // The pages are not events that arrive.
  expect([client.seqs(), client.getSnapshot().seq]).toEqual([[], 6])
  await expect(client.history({ limit: 0 })).rejects.toMatchObject({ code: 'invalid_request' })
})
