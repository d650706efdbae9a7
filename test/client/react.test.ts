import { randomUUID } from 'node:crypto'
import { createElement, StrictMode, useState } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, onTestFinished } from 'vitest'
import type { BalanceEvent } from '../../src/client/index.ts'
import { type UseBalance, useBalance, useCanAfford } from '../../src/client/react.ts'
import { test as base } from '../support/client/fixtures.ts'
import type { LiveServer } from '../support/client/live-server.ts'
import { NodeWebSocket, record } from '../support/client/recorded.ts'
import { inDocument } from '../support/client/rendered.ts'
import { layWire, type Wire } from '../support/client/wire.ts'
import { eventually, mintToken } from '../support/index.ts'

interface Stage {
  wire: Wire
  user: string
  token: string
  options: { url: string; token: string; WebSocket: typeof NodeWebSocket }
  /** The number of streams that were opened. */
  streams(): number
}

/** A user with 10 in the wallet, and the way to the server. */
async function openStage(server: LiveServer): Promise<Stage> {
  const user = `viewer-${randomUUID().slice(0, 8)}`
  const wire = await layWire(server.port)
  const token = await mintToken({ sub: user })
  await server.fund(user, 10)
  return {
    wire,
    user,
    token,
    options: { url: wire.url, token, WebSocket: NodeWebSocket },
    streams: () => wire.requests.filter((line) => /\/balance(\/stream)?\?/.test(line)).length,
  }
}

const test = base.extend(
  'stage',
  async ({ server }) =>
    () =>
      openStage(server),
)

type Source = Parameters<typeof useBalance>[0]

/** Shows a balance, and passes the hook's values to the test. */
function Balance(props: {
  source: Source
  onEvent?: (event: BalanceEvent) => void
  seen?: (value: UseBalance) => void
}) {
  const value = useBalance(props.source, props.onEvent)
  props.seen?.(value)
  return createElement('p', null, value.balance ?? '---')
}

test('the balance is shown and follows the ledger; refreshBalance stays the same function', async ({
  server,
  stage,
}) => {
  const { options, user } = await stage()
  const seen: UseBalance[] = []
  const { container } = await inDocument(
    createElement(Balance, { source: options, seen: (value) => seen.push(value) }),
  )
  expect(container.textContent).toBe('---')
  await eventually(() => expect(container.textContent).toBe('10'))
  await server.fund(user, 5)
  await eventually(() => expect(container.textContent).toBe('15'))
  await eventually(() => expect(seen.at(-1)?.lastEvent?.event).toBe('transaction_completed'))
  expect(seen.at(-1)?.status).toMatchObject({ state: 'live', transport: 'websocket' })
  expect(new Set(seen.map(({ refreshBalance }) => refreshBalance)).size).toBe(1)
  await expect(seen.at(-1)?.refreshBalance()).resolves.toBeUndefined()
})

test('ten components, equal options, StrictMode: one connection, which ends with the last of them', async ({
  server,
  stage,
}) => {
  const { options, wire, user, streams } = await stage()
  const some = (count: number) =>
    createElement(
      StrictMode,
      null,
      Array.from({ length: count }, (_, key) =>
        createElement(Balance, { key, source: { ...options } }),
      ),
    )
  const page = await inDocument(some(10))
  await eventually(() => expect(page.container.textContent).toBe('10'.repeat(10)))
  await server.fund(user, 1)
  await eventually(() => expect(page.container.textContent).toBe('11'.repeat(10)))
  await page.render(some(1))
  await server.fund(user, 1)
  await eventually(() => expect(page.container.textContent).toBe('12'))
  expect(streams()).toBe(1)
  await page.unmount()
  // The hook closes its client in the next turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 20))
  const { length } = wire.requests
  // A client that was left open would reconnect within half a second.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(wire.requests).toHaveLength(length)
})

test('every event reaches onEvent once, the newest callback, also under StrictMode', async ({
  server,
  stage,
}) => {
  const { options, user } = await stage()
  const events: string[] = []
  const balance = (prefix: string) =>
    createElement(
      StrictMode,
      null,
      createElement(Balance, {
        source: options,
        onEvent: ({ event, seq }) => void events.push(`${prefix} ${event} ${seq}`),
      }),
    )
  const page = await inDocument(balance('first'))
  await eventually(() => expect(page.container.textContent).toBe('10'))
  await server.fund(user, 1)
  await eventually(() => expect(events).toHaveLength(2))
  await page.render(balance('second'))
  await server.fund(user, 1)
  await eventually(() => expect(events).toHaveLength(4))
  expect(events).toEqual([
    'first balance_updated 3',
    'first transaction_completed 4',
    'second balance_updated 5',
    'second transaction_completed 6',
  ])
})

test('a getToken that is another function at every rendering is still one connection', async ({
  server,
  stage,
}) => {
  const { options, user, streams, token } = await stage()
  const { token: _, ...rest } = options
  let again = () => {}
  function Page() {
    const [, setCount] = useState(0)
    again = () => setCount((count) => count + 1)
    return createElement(Balance, { source: { ...rest, getToken: async () => token, key: user } })
  }
  const { container, render } = await inDocument(createElement(Page))
  await eventually(() => expect(container.textContent).toBe('10'))
  for (let i = 0; i < 5; i++) await render(createElement(Page))
  again()
  await server.fund(user, 1)
  await eventually(() => expect(container.textContent).toBe('11'))
  expect(streams()).toBe(1)
})

test('another token is another balance, and the first connection ends', async ({
  server,
  stage,
}) => {
  const [one, two] = [await stage(), await stage()]
  await server.fund(two.user, 7)
  const page = await inDocument(createElement(Balance, { source: one.options }))
  await eventually(() => expect(page.container.textContent).toBe('10'))
  await page.render(createElement(Balance, { source: two.options }))
  expect(page.container.textContent).toBe('---')
  await eventually(() => expect(page.container.textContent).toBe('17'))
  await page.render(createElement(Balance, { source: null }))
  expect(page.container.textContent).toBe('---')
})

test('a client of one’s own is used, and left open', async ({ stage }) => {
  const { options } = await stage()
  const client = record(options)
  const page = await inDocument(createElement(Balance, { source: client }))
  await eventually(() => expect(page.container.textContent).toBe('10'))
  await page.unmount()
  // The hook closes its own clients in the next turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(client.getSnapshot().status.state).toBe('live')
})

test('rendered on a server, nothing connects and there is no balance yet', async ({ stage }) => {
  const { options, wire } = await stage()
  const html = renderToString(
    createElement('div', null, [
      createElement(Balance, { key: 1, source: options }),
      createElement(Balance, { key: 2, source: null }),
      createElement(Balance, { key: 3, source: '' }),
    ]),
  )
  expect(html).toBe('<div><p>---</p><p>---</p><p>---</p></div>')
  // A client connects within a few turns of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(wire.opened).toBe(0)
})

test('without a token nothing connects, and with one it does', async ({ stage }) => {
  const { options, wire } = await stage()
  const page = await inDocument(createElement(Balance, { source: undefined }))
  onTestFinished(() => page.unmount())
  expect([page.container.textContent, wire.opened]).toEqual(['---', 0])
  await page.render(createElement(Balance, { source: options }))
  await eventually(() => expect(page.container.textContent).toBe('10'))
})

/** Shows whether an amount can be afforded. */
function Affordable({ source, amount }: { source: Source; amount: number }) {
  const answer = useCanAfford(source, { amount })
  return createElement('p', null, answer ? (answer.ok ? 'yes' : `no: ${answer.reason}`) : '---')
}

test('whether a payment can be afforded follows the balance, over the same connection', async ({
  server,
  stage,
}) => {
  const { options, user, streams, wire } = await stage()
  const view = (amount: number) =>
    createElement(
      StrictMode,
      null,
      createElement(Balance, { source: options }),
      createElement(Affordable, { source: { ...options }, amount }),
    )
  const page = await inDocument(view(15))
  await eventually(() => expect(page.container.textContent).toBe('10no: funds'))
  await server.fund(user, 5)
  await eventually(() => expect(page.container.textContent).toBe('15yes'))
  await page.render(view(15.01))
  await eventually(() => expect(page.container.textContent).toBe('15no: funds'))
  expect(streams()).toBe(1)
  // A hold of another program changes what is available, and not the balance.
  const service = await mintToken({ sub: 'shop', roles: ['service'] })
  await page.render(view(15))
  await eventually(() => expect(page.container.textContent).toBe('15yes'))
  const hold = { userId: user, amount: 1 }
  const { id } = await server.call(service, 'POST /transactions/hold', hold)
  await eventually(() => expect(page.container.textContent).toBe('15no: hold'))
  await server.call(service, `POST /transactions/hold/${id}/void`)
  await eventually(() => expect(page.container.textContent).toBe('15yes'))
  // However many events arrive, it asks no more than once a second.
  const asked = () => wire.requests.filter((line) => line.includes('can-afford')).length
  const before = asked()
  for (let i = 0; i < 20; i++) await server.fund(user, 1)
  await eventually(() => expect(page.container.textContent).toBe('35yes'))
  expect(asked() - before).toBeLessThan(10)
})

test('without a token, or when the server refuses the question, it is not known', async ({
  stage,
}) => {
  const { options } = await stage()
  const page = await inDocument(createElement(Affordable, { source: null, amount: 1 }))
  expect(page.container.textContent).toBe('---')
  await page.render(createElement(Affordable, { source: options, amount: -1 }))
  const client = record(options)
  await expect(client.canAfford({ amount: -1 })).rejects.toMatchObject({ code: 'invalid_amount' })
  expect(page.container.textContent).toBe('---')
  await expect(client.canAfford({ amount: '10.00', type: 'hold' })).resolves.toEqual({
    ...{ ok: true, available: 10, currency: 'USD' },
  })
})
