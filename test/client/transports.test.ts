import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { record, TRANSPORTS } from '../support/client/recorded.ts'
import { layWire } from '../support/client/wire.ts'
import { eventually, mintToken } from '../support/index.ts'

let server: LiveServer
let users = 0
/** A user of the test's own. */
let alice: string

beforeAll(async () => {
  server = await openLiveServer()
  return server.close
})

beforeEach(() => {
  users += 1
  alice = `alice-${users}`
})

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('the balance follows the ledger, and each event comes once, in order', async () => {
    const { url, fund } = server
    await fund(alice, 100)
    const client = record({ url, transport, token: await mintToken({ sub: alice }) })
    await eventually(() => expect(client.getSnapshot().balance).toBe(100))
    expect(client.getSnapshot()).toEqual({
      balance: 100,
      currency: 'USD',
      seq: 2,
      status: { state: 'live', transport, fallback: false, role: 'alone' },
      lastEvent: null,
      error: null,
    })
    await fund(alice, 50.25)
    await fund('bob', 1)
    await fund(alice, 0.01)
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

  test('a cut connection resumes: nothing is missing, nothing comes twice', async () => {
    const wire = await layWire(server.port)
    await server.fund(alice, 1)
    const token = await mintToken({ sub: alice })
    const client = record({ url: wire.url, transport, token })
    const starts: unknown[] = []
    client.on('balance_initial', (initial) => starts.push(initial))
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    await server.fund(alice, 1)
    await eventually(() => expect(client.seqs()).toEqual([3, 4]))
    wire.down = true
    wire.cut()
    await eventually(() => expect(client.getSnapshot().status.state).toBe('reconnecting'))
    expect(client.getSnapshot()).toMatchObject({ balance: 2, error: { code: 'unreachable' } })
    for (let i = 0; i < 3; i++) await server.fund(alice, 1)
    wire.down = false
    await eventually(() => expect(client.seqs()).toEqual([3, 4, 5, 6, 7, 8, 9, 10]))
    expect(client.getSnapshot()).toMatchObject({ balance: 5, error: null })
    expect(starts.slice(1)).toMatchObject([{ recovered: true, replay: 6, balance: 5 }])
  })
})
