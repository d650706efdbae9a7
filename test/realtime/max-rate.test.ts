import { describe, expect, test } from 'vitest'
import { NO_TENANTS, type TenantSettings } from '../../src/tenants/tenant.ts'
import { eventually } from '../support/index.ts'
import { connectBy, startServer, TRANSPORTS, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test as withServer } from '../support/realtime/fixtures.ts'

/** After its first balance frame, a connection waits for 10 s: as good as for ever. */
const SLOWEST = '0.1'

describe.each(TRANSPORTS)('maxRate over %s', (transport) => {
  const connect = connectBy[transport]

  withServer('a burst is one frame with its range, number and sum', async ({ testServer }) => {
    const { url, change, gateway } = testServer
    const client = connect(url, await tokenOf(ALICE), { maxRate: SLOWEST })
    await eventually(() => expect(client.received).toHaveLength(1))
    for (let i = 0; i < 50; i++) await change(ALICE, i % 2 === 0 ? 150n : -50n)
    await eventually(() => expect(client.seqs()).toEqual([1, 2]))
    // A connection that the server closes gets what waits before.
    await gateway.connections.drain(0)
    await eventually(() => expect(client.seqs()).toEqual([1, 2, 100]))
    expect(client.received.at(-1)).toEqual({
      event: 'balance_updated',
      data: {
        ...{ previousBalance: 1.5, newBalance: 25, timestamp: expect.any(String) },
        ...{ fromSeq: 3, toSeq: 100, count: 49, sum: 23.5, completed: 49, failed: 0 },
        ...{ id: 'e1:100', seq: 100, currency: 'USD' },
      },
    })
  })

  withServer('at a real rate the frames add up to the balance', async ({ testServer }) => {
    const { url, change } = testServer
    const client = connect(url, await tokenOf(ALICE), { maxRate: '50' })
    await eventually(() => expect(client.received).toHaveLength(1))
    for (let i = 0; i < 100; i++) await change(ALICE, 101n)
    await eventually(() => expect(client.received.at(-1)?.data.seq).toBe(200))
    const frames = client.received.filter(({ event }) => event === 'balance_updated')
    expect(frames.reduce((n, { data }) => n + (data.count ?? 1), 0)).toBe(100)
    const minor = frames.map(({ data }) => Math.round((data.sum ?? data.amount) * 100))
    expect(minor.reduce((a, b) => a + b, 0)).toBe(10_100)
    expect(frames.at(-1)?.data.newBalance).toBe(101)
  })

  withServer('resuming counts on, and what was missed is one frame too', async ({ testServer }) => {
    const { url, change, gateway } = testServer
    for (let i = 0; i < 20; i++) await change(ALICE, 100n)
    const client = connect(url, await tokenOf(ALICE), { maxRate: SLOWEST, lastEventId: 'e1:4' })
    await eventually(() => expect(client.seqs()).toEqual([5, 6]))
    await gateway.connections.drain(0)
    await eventually(() => expect(client.seqs()).toEqual([5, 6, 40]))
    expect(client.received.at(-1)?.data).toMatchObject({ fromSeq: 7, toSeq: 40, count: 17 })
  })

  withServer('transactions=each sends each transaction', async ({ testServer }) => {
    const { url, change, gateway } = testServer
    const options = { maxRate: SLOWEST, transactions: 'each' }
    const client = connect(url, await tokenOf(ALICE), options)
    await eventually(() => expect(client.received).toHaveLength(1))
    for (let i = 0; i < 3; i++) await change(ALICE, 100n)
    await eventually(() => expect(client.seqs()).toEqual([1, 2]))
    await gateway.connections.drain(0)
    await eventually(() => expect(client.seqs()).toEqual([1, 2, 4, 5, 6]))
    // From the id of a frame before the merged one, nothing is lost.
    expect(client.received.slice(3).map(({ data }) => data.id)).toEqual(['e1:2', 'e1:2', 'e1:6'])
  })

  withServer.for([
    { maxRate: '0' },
    { maxRate: '1e3' },
    { maxRate: '1001' },
    { transactions: 'x' },
  ])('refuses %o', async (options, { testServer }) => {
    const client = connect(testServer.url, await tokenOf(ALICE), options)
    const failure = await client.failure
    expect(failure).toEqual(
      transport === 'Socket.IO'
        ? expect.objectContaining({ code: 'invalid_request' })
        : { status: 400 },
    )
  })

  test('the server’s own limit holds for clients that ask for more, or for nothing', async () => {
    const { url, change, gateway } = await startServer({ maxRate: Number(SLOWEST) })
    const token = await tokenOf(ALICE)
    const clients = [connect(url, token), connect(url, token, { maxRate: '1000' })]
    for (const { received } of clients) await eventually(() => expect(received).toHaveLength(1))
    for (let i = 0; i < 4; i++) await change(ALICE, 100n)
    for (const { seqs } of clients) await eventually(() => expect(seqs()).toEqual([1, 2]))
    await gateway.connections.drain(0)
    for (const { seqs } of clients) await eventually(() => expect(seqs()).toEqual([1, 2, 8]))
  })

  test('transactions=each holds where the rate is the server’s or a tenant’s', async () => {
    const settingsOf = (tenant: string) =>
      tenant === 'slow' ? { defaultMaxRate: Number(SLOWEST) } : {}
    for (const [tenant, options] of [
      ['default', { maxRate: Number(SLOWEST) }],
      ['slow', { tenants: { ...NO_TENANTS, settingsOf } }],
    ] as const) {
      const { url, change, gateway } = await startServer(options)
      const who = { ...ALICE, tenant }
      const client = connect(url, await tokenOf(who), { transactions: 'each' })
      await eventually(() => expect(client.received).toHaveLength(1))
      for (let i = 0; i < 3; i++) await change(who, 100n)
      await eventually(() => expect(client.seqs()).toEqual([1, 2]))
      await gateway.connections.drain(0)
      await eventually(() => expect(client.seqs()).toEqual([1, 2, 4, 5, 6]))
    }
  })

  test('a tenant’s own limit and default hold for its clients, and not above the server’s', async () => {
    const SLOW = Number(SLOWEST)
    const settings: Record<string, TenantSettings> = {
      default: { defaultMaxRate: SLOW },
      limited: { maxRate: SLOW },
      both: { maxRate: 900, defaultMaxRate: SLOW },
      'above the server': { maxRate: 1000, defaultMaxRate: 1000 },
    }
    const { url, change, gateway } = await startServer({
      maxRate: 500,
      tenants: {
        ...NO_TENANTS,
        settingsOf: (tenant) => settings[tenant.replaceAll('-', ' ')] ?? {},
      },
    })
    const open = async (tenant: string, maxRate?: string) => {
      const who = { ...ALICE, tenant: tenant.replaceAll(' ', '-') }
      const client = connect(url, await tokenOf(who), maxRate === undefined ? {} : { maxRate })
      await eventually(() => expect(client.received).toHaveLength(1))
      return { ...client, who }
    }
    const slow = [
      await open('default'),
      await open('limited'),
      await open('limited', '1000'),
      await open('both'),
    ]
    // They may ask for more than their tenant's default.
    const quick = [
      await open('default', '400'),
      await open('both', '400'),
      await open('above the server'),
      await open('of the server'),
    ]
    for (const tenant of new Set([...slow, ...quick].map(({ who }) => who.tenant))) {
      for (let i = 0; i < 4; i++) await change({ ...ALICE, tenant }, 100n)
    }
    for (const { seqs } of quick) await eventually(() => expect(seqs().at(-1)).toBe(8))
    for (const { seqs } of slow) await eventually(() => expect(seqs()).toEqual([1, 2]))
    await gateway.connections.drain(0)
    for (const { seqs } of slow) await eventually(() => expect(seqs()).toEqual([1, 2, 8]))
  })
})
