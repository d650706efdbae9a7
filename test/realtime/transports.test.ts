import { io } from 'socket.io-client'
import { describe, expect, onTestFinished } from 'vitest'
import { eventually } from '../support/index.ts'
import { connectBy, TRANSPORTS, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/fixtures.ts'

const BOB = { tenant: 'default', userId: 'bob' }

describe.each(TRANSPORTS)('%s', (transport) => {
  const connect = connectBy[transport]

  test('sends the balance first, then each event once, in order', async ({ testServer }) => {
    const { url, change } = testServer
    await change(ALICE, 10_000n)
    const client = connect(url, await tokenOf(ALICE))
    await eventually(() => expect(client.received).toHaveLength(1))
    expect(client.received[0]).toEqual({
      event: 'balance_initial',
      data: { balance: 100, currency: 'USD', id: 'e1:2', seq: 2 },
    })
    await change(ALICE, 5_000n)
    await change(ALICE, -1n)
    await eventually(() => expect(client.seqs()).toEqual([3, 4, 5, 6]))
    expect(client.received.slice(1, 3)).toEqual([
      {
        event: 'balance_updated',
        data: {
          newBalance: 150,
          previousBalance: 100,
          transactionId: 't1',
          transactionType: 'topup',
          amount: 50,
          timestamp: expect.any(String),
          id: 'e1:3',
          seq: 3,
          currency: 'USD',
        },
      },
      { event: 'transaction_completed', data: expect.objectContaining({ seq: 4 }) },
    ])
  })

  test('sends nothing before the balance, though the client asks and its token expires soon', async ({
    testServer,
  }) => {
    const { url, ledger } = testServer
    ledger.delay = 1_500
    const client = connect(url, await tokenOf(ALICE, 30))
    await eventually(() => client.send('subscribe_balance'))
    client.send('get_current_balance')
    client.send('nonsense')
    const names = () => client.received.map(({ event }) => event)
    await eventually(() => expect(names()).toContain('token_expiring'))
    if (transport !== 'SSE') {
      await eventually(() => {
        expect(names()).toEqual(
          expect.arrayContaining(['balance_subscribed', 'balance_current', 'error']),
        )
      })
    }
    expect(names()[0]).toBe('balance_initial')
  })

  test('a user without a wallet has 0, not null', async ({ testServer }) => {
    const { url } = testServer
    const client = connect(url, await tokenOf(ALICE))
    await eventually(() => expect(client.received[0]?.data).toMatchObject({ balance: 0, seq: 0 }))
  })

  test('shows no events of another user, nor of a namesake in another tenant', async ({
    testServer,
  }) => {
    const { url, change } = testServer
    const client = connect(url, await tokenOf(ALICE))
    await eventually(() => expect(client.received).toHaveLength(1))
    await change(BOB, 100n)
    await change({ tenant: 'other', userId: 'alice' }, 100n)
    await change(ALICE, 700n)
    await eventually(() => expect(client.seqs()).toEqual([1, 2]))
    expect(client.received[1]?.data.newBalance).toBe(7)
  })

  test('resumes after the given id: what was missed, then what happens', async ({ testServer }) => {
    const { url, change } = testServer
    for (let i = 0; i < 5; i++) await change(ALICE, 100n)
    const client = connect(url, await tokenOf(ALICE), { lastEventId: 'e1:7' })
    await eventually(() => expect(client.seqs()).toEqual([8, 9, 10]))
    expect(client.received[0]).toEqual({
      event: 'balance_initial',
      data: { balance: 5, currency: 'USD', id: 'e1:7', seq: 7, recovered: true, replay: 3 },
    })
    await change(ALICE, 100n)
    await eventually(() => expect(client.seqs()).toEqual([8, 9, 10, 11, 12]))
  })

  test.for<[string, string]>([
    ['another database', 'e0:1'],
    ['the future', 'e1:99'],
    ['a time whose events are deleted', 'e1:2'],
    ['nowhere', 'nonsense'],
  ])(
    'an id from %s gets the state, with recovered false',
    async ([_, lastEventId], { testServer }) => {
      const { url, ledger, change } = testServer
      for (let i = 0; i < 3; i++) await change(ALICE, 100n)
      ledger.prune(ALICE, 4)
      const client = connect(url, await tokenOf(ALICE), { lastEventId })
      await eventually(() => expect(client.received).toHaveLength(1))
      expect(client.received[0]?.data).toMatchObject({ balance: 3, seq: 6, recovered: false })
      await change(ALICE, 100n)
      await eventually(() => expect(client.seqs()).toEqual([7, 8]))
    },
  )
})

describe.each(['Socket.IO', 'WebSocket'] as const)('%s', (transport) => {
  test('answers subscribe_balance and get_current_balance', async ({ testServer }) => {
    const { url, change } = testServer
    await change(ALICE, 15_050n)
    const client = connectBy[transport](url, await tokenOf(ALICE))
    await eventually(() => expect(client.received).toHaveLength(1))
    client.send('subscribe_balance')
    client.send('get_current_balance')
    await eventually(() => expect(client.received).toHaveLength(3))
    expect(client.received.slice(1)).toEqual([
      { event: 'balance_subscribed', data: { currency: 'USD' } },
      { event: 'balance_current', data: { balance: 150.5, currency: 'USD', id: 'e1:2', seq: 2 } },
    ])
  })
})

test('a Socket.IO client that can only poll gets the same', async ({ testServer }) => {
  const { url, change } = testServer
  const auth = { token: await tokenOf(ALICE) }
  const socket = io(`${url}/balance`, { auth, transports: ['polling'], forceNew: true })
  onTestFinished(() => void socket.close())
  const seqs: number[] = []
  socket.on('balance_updated', ({ seq }) => seqs.push(seq))
  await new Promise((resolve) => socket.on('balance_initial', resolve))
  for (let i = 0; i < 5; i++) await change(ALICE, 100n)
  await eventually(() => expect(seqs).toEqual([1, 3, 5, 7, 9]))
  expect(await socket.emitWithAck('get_current_balance')).toMatchObject({ balance: 5, seq: 10 })
})
