import { expect, onTestFinished } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { PostgresRevocations } from '../../src/auth/revocation-store.ts'
import { Revocations } from '../../src/auth/revocations.ts'
import type { Sql } from '../../src/postgres/database.ts'
import type { Bus } from '../../src/realtime/bus/bus.ts'
import { test } from '../support/fixtures.ts'
import {
  describeWithRedis,
  eventually,
  mintToken,
  redisUrl,
  TEST_SECRET,
} from '../support/index.ts'
import { connectBy, silent, startServer, TRANSPORTS } from '../support/realtime/balance-server.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'
import { FragileBus } from '../support/realtime/fragile-bus.ts'
import { openRedisBus } from '../support/realtime/redis-bus.ts'

let sql: Sql
test.beforeAll(({ sql: connected }) => {
  sql = connected
})

/** A server whose revocations are stored in Postgres, and announced over its bus. */
async function start(bus: Bus = new FragileBus(), pollEvery = 100) {
  const revocations = await Revocations.open({
    store: new PostgresRevocations(sql),
    log: silent,
    announce: () => bus.announceRevocation(),
    pollEveryMs: pollEvery,
  })
  onTestFinished(() => revocations.close())
  bus.listen({ message: () => {}, link: () => {}, revoked: () => revocations.announced() })
  const keys = { kind: 'secret', secret: TEST_SECRET } as const
  const authenticator = createAuthenticator({ keys, revocations })
  return { revocations, ...(await startServer({ bus, revocations, authenticator })) }
}

const BY_ADA = { tenant: 'default', reason: null, revokedBy: 'ada', expiresAt: null }

test.each(TRANSPORTS)(
  '%s: an open connection ends with the reason, and no other does',
  async (how) => {
    const { url, revocations, gateway } = await start()
    const user = `revoked by ${how}`.replaceAll(/[ .]/g, '-')
    const token = (id: string, sub = user) => mintToken({ sub, id: `${user}-${id}` })
    const [first, second] = [await token('1'), await token('2')]
    const clients = [
      connectBy[how](url, first),
      connectBy[how](url, second),
      connectBy[how](url, await token('3', 'bob')),
    ]
    await eventually(() => {
      for (const { received } of clients) expect(received[0]?.event).toBe('balance_initial')
    })
    const last = () => clients.map(({ received }) => received.at(-1)?.data.code)

    await revocations.revoke({ ...BY_ADA, tokenId: `${user}-1` })
    await clients[0]?.failure
    expect(last()).toEqual(['token_revoked', undefined, undefined])
    await revocations.revoke({ ...BY_ADA, userId: user })
    await clients[1]?.failure
    expect(last()).toEqual(['token_revoked', 'token_revoked', undefined])
    await eventually(() => expect(gateway.users).toBe(1))

    const refused = await connectBy[how](url, second).failure
    expect(refused).toMatchObject(how === 'Socket.IO' ? { code: 'token_revoked' } : { status: 401 })
  },
)

test.each(TRANSPORTS)('%s: a ticket of a revoked token opens nothing', async (how) => {
  const { url, revocations, gateway } = await start()
  const userId = `ticket-${TRANSPORTS.indexOf(how)}`
  const { ticket } = await gateway.tickets.issue({
    tenant: 'default',
    userId,
    isAdmin: false,
    isService: false,
    expiresAt: Date.now() / 1000 + 600,
    issuedAt: Math.floor(Date.now() / 1000),
  })
  await revocations.revoke({ ...BY_ADA, userId })
  const refused = await connectBy[how](url, ticket).failure
  expect(refused).toMatchObject(how === 'Socket.IO' ? { code: 'token_revoked' } : { status: 401 })
})

test('a connection that was accepted just before ends too', async () => {
  const { revocations, gateway } = await start()
  const token = await mintToken({ sub: 'racer' })
  const principal = await gateway.admission.admit({ token })
  await revocations.revoke({ ...BY_ADA, userId: 'racer' })
  const end = new Promise((resolve) => {
    const sink = { write: () => {}, beat: () => {}, queuedBytes: () => 0, close: resolve }
    gateway.connections.open(sink, { principal, transport: 'sse', clientId: 'racer' })
  })
  expect(await end).toMatchObject({ code: 'token_revoked' })
})

test('a fresh token that is already revoked does not keep a connection', async () => {
  const { url, revocations } = await start()
  await revocations.revoke({ ...BY_ADA, tokenId: 'stolen' })
  const client = connectBy.WebSocket(url, await mintToken({ sub: 'olga' }))
  await eventually(() => expect(client.received).toHaveLength(1))
  client.send('authenticate', await mintToken({ sub: 'olga', id: 'stolen' }))
  await eventually(() => {
    expect(client.received[1]).toMatchObject({ event: 'error', data: { code: 'token_revoked' } })
  })
})

describeWithRedis('with Redis', () => {
  test('a revocation in one process ends connections in another at once', async () => {
    const ledger = new FakeLedger()
    const bus = () => openRedisBus(redisUrl(), ledger)
    // Without an announcement they would poll in an hour.
    const [here, there] = [await start(bus(), 3_600_000), await start(bus(), 3_600_000)]
    await eventually(() => expect(there.bus.link.state).toBe('live'))
    const clients = await Promise.all(
      TRANSPORTS.map(async (how) => connectBy[how](there.url, await mintToken({ sub: 'pia' }))),
    )
    await eventually(() => {
      for (const { received } of clients) expect(received).toHaveLength(1)
    })
    await here.revocations.revoke({ ...BY_ADA, userId: 'pia' })
    await Promise.all(clients.map(({ failure }) => failure))
    for (const { received } of clients) expect(received.at(-1)?.data.code).toBe('token_revoked')
  })
})
