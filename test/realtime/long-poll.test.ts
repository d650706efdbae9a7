import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startServer } from '../support/realtime/balance-server.ts'
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

test('a fifth of one user does not wait', async () => {
  const { gateway, change } = await startServer()
  const waiting = Array.from({ length: 4 }, () => gateway.eventPages.after(ALICE, 'e1:0', 10, LONG))
  await eventually(() => expect(gateway.users).toBe(1))
  expect((await gateway.eventPages.after(ALICE, 'e1:0', 10, LONG)).events).toEqual([])
  await change(ALICE, 100n)
  for (const page of await Promise.all(waiting)) expect(page.events.length).toBeGreaterThan(0)
})
