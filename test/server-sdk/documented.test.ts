import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { transform } from 'esbuild'
import type { Hono } from 'hono'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createServiceClient } from '../../src/server-sdk/index.ts'
import { METHODS, OWN_METHODS } from '../../src/server-sdk/methods.ts'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { eventually, mintToken } from '../support/index.ts'

const root = join(import.meta.dirname, '../..')
const SECRET = `whsec_${btoa('a secret of a webhook, in a test')}`

/** The code blocks of the page by the name in the comment before them. */
const examples = new Map<string, string>()
let page: string
let server: LiveServer

beforeAll(async () => {
  page = await readFile(join(root, 'docs/guide/server-sdk.md'), 'utf8')
  for (const [, name = '', code = ''] of page.matchAll(
    /<!-- example: (\S+) -->\n```\w+\n(.*?)```/gs,
  )) {
    examples.set(name, code)
  }
  server = await openLiveServer({ WEBHOOK_ALLOW_PRIVATE: 'true' })
  return server.close
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Runs an example for a user of its own. Returns its exports, and what it prints. */
async function play(name: string, user: string, values: Record<string, string> = {}) {
  const filled = {
    'localhost:3000': `127.0.0.1:${server.port}`,
    SERVICE_TOKEN: await mintToken({ sub: 'shop', roles: ['service'] }),
    ADMIN_TOKEN: await mintToken({ sub: 'ada', roles: ['admin'] }),
    WEBHOOK_SECRET: SECRET,
    "'alice'": `'${user}'`,
    "'booking-17'": `'booking-${user}'`,
    "'livebalance/server'": `'${pathToFileURL(join(root, 'src/server-sdk/index.ts')).href}'`,
    ...values,
  }
  let code = examples.get(name) ?? expect.fail(`there is no example ${name}`)
  examples.delete(name)
  for (const [text, value] of Object.entries(filled)) code = code.replaceAll(text, value)
  const folder = await mkdtemp(join(tmpdir(), 'livebalance-example-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const file = join(folder, 'example.mjs')
  await writeFile(file, (await transform(code, { loader: 'ts' })).code)
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {})
  const module = await import(/* @vite-ignore */ pathToFileURL(file).href)
  return { module, printed }
}

test('a payment', async () => {
  await server.fund('buyer', 100)
  expect((await play('payment', 'buyer')).printed).toHaveBeenCalledWith('Paid. 70 are left.')
})

test('a hold', async () => {
  await server.fund('holder', 100)
  const { printed } = await play('hold', 'holder')
  expect(printed).toHaveBeenCalledWith(-12.5, false, 'funds', 77.5)
})

test('a list', async () => {
  await server.fund('reader', 100)
  const user = await mintToken({ sub: 'reader' })
  for (const referenceId of ['A-1', 'A-2']) {
    const payment = { type: 'booking_payment', amount: 5, referenceId }
    await server.call(user, 'POST /transactions', payment)
  }
  const { printed } = await play('list', 'reader')
  expect(printed.mock.calls).toContainEqual(['The newest: booking_payment'])
  expect(printed.mock.calls.slice(-2)).toEqual([
    ['A-1', -5],
    ['A-2', -5],
  ])
})

test('a receiver of webhooks', async () => {
  const { module, printed } = await play('webhook', 'alice')
  const { app } = module as { app: Hono }
  const fields = { transactionType: 'topup', amount: 5 }
  const body = JSON.stringify({ type: 'transaction_completed', userId: 'alice', ...fields })
  const now = new Date()
  const deliver = (secret: string) =>
    app.request('/hooks/balance', {
      method: 'POST',
      body,
      headers: {
        'webhook-id': 'e:1',
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign('e:1', now, body),
      },
    })
  expect((await deliver(SECRET)).status).toBe(204)
  expect(printed).toHaveBeenCalledWith('alice: topup of 5')
  expect((await deliver(btoa('another secret'))).status).toBe(400)
})

test('a receiver that keeps the order, with a real webhook', async () => {
  let app: Hono | undefined
  const seen: string[] = []
  const receiver = createServer(async (request, response) => {
    const body = await text(request)
    const headers = request.headers as Record<string, string>
    const answer = await app?.request('/hooks/balance', { method: 'POST', headers, body })
    const { type, seq = '' } = JSON.parse(body)
    seen.push(`${type} ${seq} ${answer?.status}`)
    response.writeHead(answer?.status ?? 500, { 'Content-Type': 'application/json' })
    response.end(await answer?.text())
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void receiver.close())
  const { port } = receiver.address() as AddressInfo
  const token = await mintToken({ sub: 'ada', roles: ['admin'] })
  const admin = createServiceClient({ url: server.url, token })
  const hook = await admin.webhooks.create({ url: `http://127.0.0.1:${port}/` })
  app = (await play('order', 'nobody', { WEBHOOK_SECRET: hook.secret ?? '' })).module.app
  expect(await admin.webhooks.test(hook.id)).toMatchObject({ delivered: true, status: 204 })
  await server.fund('ordered', 5)
  await server.fund('ordered', 5)
  await eventually(() => expect(seen).toHaveLength(5))
  expect(seen).toEqual([
    'webhook_test  204',
    ...[1, 2, 3, 4].map(
      (seq) => `${seq % 2 ? 'balance_updated' : 'transaction_completed'} ${seq} 200`,
    ),
  ])

  // It answers the first that is sent again with what it has, so that the rest is not.
  await admin.webhooks.replay(hook.id, { userId: 'ordered', afterSeq: 1 })
  await eventually(async () => {
    const { items, failing } = await admin.webhooks.deliveries(hook.id)
    expect([items[0]?.toSeq, failing]).toEqual([2, []])
  })
  expect(seen.slice(5)).toEqual(['transaction_completed 2 200'])
  await admin.webhooks.remove(hook.id)
  expect((await admin.webhooks.list()).items).toEqual([])
})

test('the stream', async () => {
  await server.fund('spender', 100)
  const token = await mintToken({ sub: 'shop', roles: ['service'] })
  const shop = createServiceClient({ url: server.url, token })
  const { module } = await play('stream', 'spender')
  const stop = vi.fn()
  const listening = module.listen(stop)
  const hold = await shop.hold({ userId: 'spender', amount: 10 })
  await shop.capture(hold.id, { amount: 10, final: false })
  await eventually(() => expect(stop).toHaveBeenCalledWith(hold.id))
  module.close()
  await listening
})

test('every example was run', () => {
  expect([...examples.keys()]).toEqual([])
})

test('the page names every method', () => {
  const names = Object.entries({ ...METHODS, ...OWN_METHODS }).flatMap(([name, entry]) =>
    typeof entry === 'string' || 'route' in entry
      ? [name]
      : Object.keys(entry).map((inner) => `${name}.${inner}`),
  )
  const rows = page.match(/^\| .*$/gm)?.join('\n') ?? ''
  expect(names.filter((name) => !rows.includes(`\`${name}\``))).toEqual([])
})
