import { expect, onTestFinished, vi } from 'vitest'
import {
  createServiceClient,
  type ServiceEvent,
  type StreamOptions,
} from '../../src/server-sdk/index.ts'
import { test as base } from '../support/client/fixtures.ts'
import type { LiveServer } from '../support/client/live-server.ts'
import type { Wire } from '../support/client/wire.ts'
import { eventually, mintToken } from '../support/index.ts'

const RETRY = { minDelay: 10, maxDelay: 50 }

const test = base.extend('shop', async ({ server, user }) => {
  await server.fund(user, 100)
  return createServiceClient({
    url: server.url,
    token: await mintToken({ sub: `shop of ${user}`.replaceAll(' ', '-'), roles: ['service'] }),
  })
})

/** The number of open streams of the server. */
async function streams({ url }: LiveServer): Promise<number | undefined> {
  const token = await mintToken({ sub: 'opal', roles: ['operator'] })
  const state = await createServiceClient({ url, token }).system()
  return state.scope === 'installation' ? state.connections.sse : undefined
}

/** A listener of that service, behind the wire. It ends with the test. */
async function listen(wire: Wire, user: string, options: StreamOptions = {}) {
  const token = await mintToken({ sub: `shop-of-${user}`, roles: ['service'] })
  const abort = new AbortController()
  const client = createServiceClient({ url: wire.url, token })
  const events: ServiceEvent[] = []
  const ended = (async () => {
    const stream = client.stream({ retry: RETRY, signal: abort.signal, ...options })
    for await (const event of stream) events.push(event)
  })()
  onTestFinished(async () => {
    abort.abort()
    await ended
  })
  return { abort, ended, transactions: () => events.map((one) => one.transactionId), events }
}

test('tells at once that a hold is exhausted, to the service that opened it', async ({
  shop,
  wire,
  user,
}) => {
  const { events } = await listen(wire, user)
  const hold = await shop.hold({ userId: user, amount: 10 })
  await shop.capture(hold.id, { amount: 4, final: false })
  await shop.capture(hold.id, { amount: 6, final: false })
  await eventually(() => expect(events).toHaveLength(1))
  expect(events[0]).toMatchObject({
    ...{ event: 'hold_exhausted', userId: user, transactionId: hold.id },
    ...{ heldAmount: 10, capturedAmount: 10, remaining: 0 },
  })
})

test('connects again after a loss: what happened meanwhile comes once, and nothing twice', async ({
  shop,
  wire,
  user,
}) => {
  const onReconnect = vi.fn()
  const { transactions } = await listen(wire, user, { onReconnect })
  const exhaust = async () => {
    const { id } = await shop.hold({ userId: user, amount: 5 })
    await shop.capture(id, { amount: 5, final: false })
    return id
  }
  const first = await exhaust()
  await eventually(() => expect(transactions()).toEqual([first]))
  wire.down = true
  wire.cut()
  const second = await exhaust()
  await eventually(() => expect(onReconnect).toHaveBeenCalled())
  expect(onReconnect.mock.calls[0]?.[0]).toMatchObject({ code: 'unreachable' })
  wire.down = false
  await eventually(() => expect(transactions()).toEqual([first, second]))
  const third = await exhaust()
  await eventually(() => expect(transactions()).toEqual([first, second, third]))
})

test('ends with its signal, also while it waits for the next connection', async ({
  server,
  wire,
  user,
}) => {
  const live = await listen(wire, user)
  await eventually(async () => expect(await streams(server)).toBe(1))
  live.abort.abort()
  await live.ended
  await eventually(async () => expect(await streams(server)).toBe(0))

  wire.down = true
  wire.cut()
  const onReconnect = vi.fn()
  const waiting = await listen(wire, user, { retry: { minDelay: 60_000 }, onReconnect })
  await eventually(() => expect(onReconnect).toHaveBeenCalled())
  waiting.abort.abort()
  await waiting.ended
})

test('closes its connection when the loop is left', async ({ server, shop, wire, user }) => {
  const { id } = await shop.hold({ userId: user, amount: 5 })
  await shop.capture(id, { amount: 5, final: false })
  const token = await mintToken({ sub: `shop-of-${user}`, roles: ['service'] })
  const client = createServiceClient({ url: wire.url, token })
  for await (const event of client.stream()) {
    // It was exhausted before the stream began.
    expect(event.transactionId).toBe(id)
    break
  }
  await eventually(async () => expect(await streams(server)).toBe(0))
})

test('a rejected token is replaced once; a role that it lacks ends the stream', async ({
  server,
  user,
}) => {
  const good = await mintToken({ sub: 'shop', roles: ['service'] })
  const token = vi.fn().mockReturnValueOnce('nonsense').mockReturnValue(good)
  const abort = new AbortController()
  const stream = createServiceClient({ url: server.url, token }).stream({ signal: abort.signal })
  const next = stream.next()
  await eventually(() => expect(token).toHaveBeenCalledTimes(2))
  abort.abort()
  expect(await next).toEqual({ done: true, value: undefined })

  const always = createServiceClient({ url: server.url, token: () => 'nonsense' })
  await expect(always.stream().next()).rejects.toMatchObject({ status: 401 })
  const person = createServiceClient({ url: server.url, token: await mintToken({ sub: user }) })
  await expect(person.stream().next()).rejects.toMatchObject({ code: 'forbidden', status: 403 })
})
