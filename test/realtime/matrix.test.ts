import { afterAll, describe, expect, test } from 'vitest'
import { RECEIVED } from '../../src/api-docs/events.ts'
import { eventually, mintToken } from '../support/index.ts'
import { connectBy, startServer, TRANSPORTS } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { STRANGERS } from '../support/strangers.ts'

/** Everyone but alice, whose balance and events are at stake. A role opens no stream but one's own. */
const OTHERS = {
  'another user': { sub: 'bob' },
  'a service': { sub: 'booking', roles: ['service'] },
  'an admin': { sub: 'ada', roles: ['admin'] },
  'a namesake in another tenant': { sub: 'alice', tenant: 'other', roles: ['admin'] },
}

const alice = () => mintToken({ sub: ALICE.userId, tenant: ALICE.tenant })

/** What a client may send, with what it gets for it: alice, and anyone else. */
const EVENTS: Record<string, { argument?: () => Promise<string>; own: object; other: object }> = {
  subscribe_balance: {
    own: { event: 'balance_subscribed' },
    other: { event: 'balance_subscribed' },
  },
  get_current_balance: {
    own: { event: 'balance_current', data: { balance: 50 } },
    other: { event: 'balance_current', data: { balance: 0 } },
  },
  // With alice's token, which the others have no business with.
  authenticate: {
    argument: alice,
    own: { event: 'authenticated' },
    other: { event: 'error', data: { code: 'forbidden' } },
  },
}

let cells = 0
afterAll(() => console.log(`authorization matrix of the streams: ${cells} cells`))

test('the matrix has a row for every event that a client may send', () => {
  expect(Object.keys(EVENTS).sort()).toEqual(Object.keys(RECEIVED).sort())
})

describe.each(TRANSPORTS)('%s', (transport) => {
  const connectTo = connectBy[transport]

  test.each(Object.entries(STRANGERS))('opens to nobody with %s', async (_, token) => {
    cells++
    const { url } = await startServer()
    const client = connectTo(url, await token())
    const failure = await client.failure
    if (transport === 'Socket.IO')
      expect(failure.code).toMatch(/^(unauthorized|token_expired|token_revoked)$/)
    else expect(failure.status).toBe(401)
    expect(client.received).toEqual([])
  })

  test.each(Object.entries(OTHERS))('shows %s nothing of alice', async (_, claims) => {
    cells++
    const { url, change } = await startServer()
    await change(ALICE, 5_000n)
    const mine = connectTo(url, await alice())
    const other = connectTo(url, await mintToken(claims))
    for (const { received } of [mine, other]) {
      await eventually(() => expect(received[0]?.event).toBe('balance_initial'))
    }
    await change(ALICE, 5_000n)
    await eventually(() => expect(mine.seqs()).toEqual([3, 4]))
    expect(other.received.map(({ event, data }) => [event, data.balance])).toEqual([
      ['balance_initial', 0],
    ])
  })
})

describe.each(['Socket.IO', 'WebSocket'] as const)('%s', (transport) => {
  describe.each(Object.entries(EVENTS))('%s', (event, { argument, own, other }) => {
    test.each([
      ['alice', { sub: ALICE.userId, tenant: ALICE.tenant }, own],
      ...Object.entries(OTHERS).map(([who, claims]) => [who, claims, other] as const),
    ] as const)('of %s', async (_, claims, answer) => {
      cells++
      const { url, change } = await startServer()
      await change(ALICE, 5_000n)
      const client = connectBy[transport](url, await mintToken(claims))
      await eventually(() => expect(client.received[0]?.event).toBe('balance_initial'))
      client.send(event, await argument?.())
      await eventually(() => expect(client.received[1]).toMatchObject(answer))
    })
  })

  test.each(Object.entries(STRANGERS))('authenticate with %s changes nothing', async (_, token) => {
    cells++
    const { url, change } = await startServer()
    await change(ALICE, 5_000n)
    const client = connectBy[transport](url, await alice())
    await eventually(() => expect(client.received[0]?.event).toBe('balance_initial'))
    client.send('authenticate', await token())
    await eventually(() => {
      expect(client.received[1]).toMatchObject({
        event: 'error',
        data: { code: expect.stringMatching(/^(unauthorized|token_expired|token_revoked)$/) },
      })
    })
    client.send('get_current_balance')
    await eventually(() => expect(client.received[2]).toMatchObject({ data: { balance: 50 } }))
  })
})
