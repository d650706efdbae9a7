import { spawn } from 'node:child_process'
import { EventSource } from 'eventsource'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { eventually, mintToken } from '../support/index.ts'

let server: LiveServer
let sql: Sql
let model: string
beforeAll(async () => {
  server = await openLiveServer({ HOLD_EXPIRING_SECONDS: '30' })
  sql = connect(server.databaseUrl, { max: 1 })
  model = await mintToken({ sub: 'model', roles: ['service'] })
})
afterAll(async () => {
  await sql?.end()
  await server?.close()
})

const NAMES = [
  'balance_initial',
  'service_initial',
  'available_changed',
  'hold_exhausted',
  'hold_expiring',
]

/** The named events of a stream, from now on. */
function listen(path: string, token: string) {
  const told: { event: string; [field: string]: unknown }[] = []
  const source = new EventSource(`${server.url}${path}?token=${token}`)
  for (const event of NAMES) {
    source.addEventListener(event, ({ data }) => told.push({ event, ...JSON.parse(data) }))
  }
  onTestFinished(() => source.close())
  return told
}

const hold = (userId: string, body: object = {}) =>
  server.call<{ id: string }>(model, 'POST /transactions/hold', { userId, amount: 5, ...body })
const part = (id: string, amount: number) =>
  server.call(model, `POST /transactions/hold/${id}/capture`, { amount, final: false })

test('a service that spends in parts learns at once that nothing is left, and again when it reconnects', async () => {
  await server.fund('ann', 10)
  const [told, user] = [
    listen('/service/stream', model),
    listen('/balance/stream', await mintToken({ sub: 'ann' })),
  ]
  await eventually(() => expect(told).toEqual([{ event: 'service_initial', holds: [] }]))
  await eventually(() => expect(user).toMatchObject([{ event: 'balance_initial' }]))
  const { id } = await hold('ann')
  expect(await part(id, 2)).toMatchObject({ status: 'pending', amount: -5, capturedAmount: 2 })
  await part(id, 3)
  const exhausted = {
    ...{ event: 'hold_exhausted', transactionId: id, heldAmount: 5, capturedAmount: 5 },
    ...{ remaining: 0, overage: 'refuse', available: 5, seq: 4, currency: 'USD' },
  }
  await eventually(() => expect(told[1]).toMatchObject({ ...exhausted, userId: 'ann' }))
  await eventually(() =>
    expect(user.slice(1)).toMatchObject([
      { event: 'available_changed', available: 5, held: 5, transactionType: 'hold' },
      exhausted,
    ]),
  )
  expect(user[2]).not.toHaveProperty('service')
  const again = listen('/service/stream', model)
  await eventually(() =>
    expect(again).toMatchObject([
      { event: 'service_initial', holds: [{ ...exhausted, userId: 'ann', id: told[1]?.id }] },
    ]),
  )
  await server.call(model, `POST /transactions/hold/${id}/extend`, { amount: 1 })
  expect(await part(id, 1)).toMatchObject({ capturedAmount: 6 })
  await eventually(() => expect(again[1]).toMatchObject({ event: 'hold_exhausted', heldAmount: 6 }))
  expect(await server.call(model, `POST /transactions/hold/${id}/void`)).toMatchObject({
    ...{ status: 'success', amount: -6, newBalance: 4 },
  })
})

test('it is warned once before a hold expires, and what was captured until then is charged', async () => {
  await server.fund('bob', 10)
  const told = listen('/service/stream', model)
  await eventually(() => expect(told).toHaveLength(1))
  const { id } = await hold('bob', { expiresIn: 3_600 })
  await part(id, 2)
  await sql`update transactions set expires_at = expires_at - interval '3580 seconds' where id = ${id}`
  const warning = { event: 'hold_expiring', transactionId: id, userId: 'bob', remaining: 3 }
  await eventually(() => expect(told.slice(1)).toMatchObject([warning]))
  await server.stop()
  await sql`update transactions set expires_at = clock_timestamp() where id = ${id}`
  await server.start()
  await eventually(async () =>
    expect(
      await server.call(await mintToken({ sub: 'bob' }), 'GET /transactions/balance'),
    ).toMatchObject({ balance: 8, held: 0, available: 8 }),
  )
  expect(told.filter(({ event }) => event === 'hold_expiring')).toHaveLength(1)
})

test('the stream is for services', async () => {
  for (const roles of [[], ['admin']]) {
    const response = await fetch(`${server.url}/service/stream`, {
      headers: { Authorization: `Bearer ${await mintToken({ sub: 'ann', roles })}` },
    })
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ code: 'forbidden' })
  }
  expect((await fetch(`${server.url}/service/stream`)).status).toBe(401)
})

/** Starts the example, and gives its address. */
async function startModel(): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/metered/model.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, LIVEBALANCE_URL: server.url, SERVICE_TOKEN: model, PORT: '0' },
  })
  onTestFinished(() => void child.kill())
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return eventually(() => /on (http:\S+)/.exec(output)?.[1] ?? expect.fail('no address'), {
    timeout: 60_000,
  })
}

test('the model of the examples writes until the money is used up, and is paid once', async () => {
  await server.fund('reader', 10)
  const url = await startModel()
  const write = async (budget: number) => {
    const body = JSON.stringify({ userId: 'reader', budget })
    const response = await fetch(`${url}/stories`, { method: 'POST', body })
    return { status: response.status, text: (await response.text()).trim() }
  }
  expect(await write(0.05)).toEqual({ status: 200, text: 'Once upon a time a' })
  expect((await write(5)).text).toMatch(/^Once upon .* lost one\.$/)
  expect(await write(11)).toMatchObject({ status: 402 })
  const reader = await mintToken({ sub: 'reader' })
  expect(await server.call(reader, 'GET /transactions/balance')).toMatchObject({
    ...{ balance: 9.79, held: 0 },
  })
  const { items } = await server.call<{ items: object[] }>(
    reader,
    'GET /transactions/my-transactions?type=hold',
  )
  expect(items).toMatchObject([
    { amount: -0.16, capturedAmount: 0.16, metadata: { heldAmount: 5 }, status: 'success' },
    { amount: -0.05, capturedAmount: 0.05, status: 'success' },
  ])
})
