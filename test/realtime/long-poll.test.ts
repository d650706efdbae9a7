import { expect, test } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { edge, listen } from '../support/http/stub.ts'
import { eventually, TEST_SECRET } from '../support/index.ts'
import { startServer, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'

const LONG = 60_000

test('a long poll is answered by the next event, which comes once', async () => {
  const { gateway, change, ledger } = await startServer()
  await change(ALICE, 100n)
  let answered = false
  const waiting = gateway.eventPages.after(ALICE, 'e1:2', 10, LONG).finally(() => {
    answered = true
  })
  await eventually(() => expect(gateway.users).toBe(1))
  expect(answered).toBe(false)
  await change(ALICE, 100n)
  const page = await waiting
  expect(page.events.map(({ seq }) => seq).slice(0, 2)).toEqual([3, 4])
  expect(page).toMatchObject({ nextCursor: 'e1:4', recovered: true })
  // Nothing is left behind.
  expect(gateway.users).toBe(0)
  expect(ledger.reads).toBeGreaterThan(0)
})

test('an event between the look and the wait is not missed', async () => {
  const { gateway, change, ledger } = await startServer()
  await change(ALICE, 100n)
  ledger.delay = 50
  const waiting = gateway.eventPages.after(ALICE, 'e1:2', 10, LONG)
  // The first look is under way, and finds nothing.
  await change(ALICE, 100n)
  expect((await waiting).events.map(({ seq }) => seq)).toEqual([3, 4])
})

test('it ends without an event when its time is over, and when the server stops', async () => {
  const { gateway } = await startServer()
  const none = { events: [], nextCursor: 'e1:0', recovered: true }
  expect(await gateway.eventPages.after(ALICE, 'e1:0', 10, 1)).toEqual(none)
  const waiting = gateway.eventPages.after(ALICE, 'e1:0', 10, LONG)
  await eventually(() => expect(gateway.users).toBe(1))
  gateway.admission.stop()
  expect(await waiting).toEqual(none)
  expect(gateway.users).toBe(0)
})

test('over HTTP a client waits, and gives its place back when it leaves', async () => {
  const { gateway, change } = await startServer()
  const authenticator = createAuthenticator({ keys: { kind: 'secret', secret: TEST_SECRET } })
  const url = await listen(edge({ authenticator, eventPages: gateway.eventPages }).app)
  const headers = { Authorization: `Bearer ${await tokenOf(ALICE)}` }
  const wait = (after: string, signal: AbortSignal | null = null) =>
    fetch(`${url}/balance/events?after=${after}&wait=25`, { headers, signal })
  const leaving = new AbortController()
  const left = Array.from({ length: 4 }, () => wait('e1:0', leaving.signal).catch(() => 'left'))
  await eventually(() => expect(gateway.users).toBe(1))
  leaving.abort()
  expect(await Promise.all(left)).toEqual(['left', 'left', 'left', 'left'])
  await eventually(() => expect(gateway.users).toBe(0))

  const waiting = wait('e1:0')
  await eventually(() => expect(gateway.users).toBe(1))
  await change(ALICE, 100n)
  const { items } = (await (await waiting).json()) as { items: object[] }
  expect(items.length).toBeGreaterThan(0)
})

test('a fifth of one user does not wait', async () => {
  const { gateway, change } = await startServer()
  const waiting = Array.from({ length: 4 }, () => gateway.eventPages.after(ALICE, 'e1:0', 10, LONG))
  await eventually(() => expect(gateway.users).toBe(1))
  expect((await gateway.eventPages.after(ALICE, 'e1:0', 10, LONG)).events).toEqual([])
  await change(ALICE, 100n)
  for (const page of await Promise.all(waiting)) expect(page.events.length).toBeGreaterThan(0)
})
