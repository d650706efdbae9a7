import { afterAll, describe, expect } from 'vitest'
import { RECEIVED } from '../../src/api-docs/events.ts'
import { eventually, mintToken } from '../support/index.ts'
import { connectBy, TRANSPORTS } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/fixtures.ts'
import { STRANGERS } from '../support/strangers.ts'

/** Users other than alice, whose balance and events they must not see. No role opens another user's stream. */
const OTHERS = {
  'another user': { sub: 'bob' },
  'a service': { sub: 'booking', roles: ['service'] },
  'an admin': { sub: 'ada', roles: ['admin'] },
  'a namesake in another tenant': { sub: 'alice', tenant: 'other', roles: ['admin'] },
}

const alice = () => mintToken({ sub: ALICE.userId, tenant: ALICE.tenant })

/** The messages that a client may send, and the replies to alice and to others. */
const EVENTS: Record<string, { argument?: () => Promise<string>; own: object; other: object }> = {
  subscribe_balance: {
    own: { event: 'balance_subscribed' },
    other: { event: 'balance_subscribed' },
  },
  get_current_balance: {
    own: { event: 'balance_current', data: { balance: 50 } },
    other: { event: 'balance_current', data: { balance: 0 } },
  },
  // With alice's token, which the others must not use.
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

  test.for(Object.entries(STRANGERS))(
    'opens to nobody with %s',
    async ([_, token], { testServer }) => {
      cells++
      const { url } = testServer
      const client = connectTo(url, await token())
      const failure = await client.failure
      if (transport === 'Socket.IO')
        expect(failure.code).toMatch(/^(unauthorized|token_expired|token_revoked)$/)
      else expect(failure.status).toBe(401)
      expect(client.received).toEqual([])
    },
  )

  test.for(Object.entries(OTHERS))(
    'shows %s nothing of alice',
    async ([_, claims], { testServer }) => {
      cells++
      const { url, change } = testServer
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
    },
  )
})

describe.each(['Socket.IO', 'WebSocket'] as const)('%s', (transport) => {
  describe.each(Object.entries(EVENTS))('%s', (event, { argument, own, other }) => {
    test.for([
      ['alice', { sub: ALICE.userId, tenant: ALICE.tenant }, own],
      ...Object.entries(OTHERS).map(([name, claims]) => [name, claims, other] as const),
    ] as const)('of %s', async ([_, claims, answer], { testServer }) => {
      cells++
      const { url, change } = testServer
      await change(ALICE, 5_000n)
      const client = connectBy[transport](url, await mintToken(claims))
      await eventually(() => expect(client.received[0]?.event).toBe('balance_initial'))
      client.send(event, await argument?.())
      await eventually(() => expect(client.received[1]).toMatchObject(answer))
    })
  })

  test.for(Object.entries(STRANGERS))(
    'authenticate with %s changes nothing',
    async ([_, token], { testServer }) => {
      cells++
      const { url, change } = testServer
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
    },
  )
})
