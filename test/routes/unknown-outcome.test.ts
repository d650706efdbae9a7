import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server } from 'node:net'
import { describe, expect } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { alice, test as base, type LedgerApp, ledgerApp } from '../support/routes/ledger-app.ts'

/** The end of Postgres's answer to a statement that is committed: ReadyForQuery, idle. */
const READY = Buffer.from('Z\0\0\0\x05I', 'latin1')

/** Where the next exchange with Postgres breaks off. */
type Break = 'before Postgres has the statement' | 'after the commit, before the answer'

/** Stands between the ledger and its Postgres, and cuts one connection when it is told to. */
class CuttingProxy {
  next: Break | undefined
  readonly #server: Server

  constructor(target: URL) {
    this.#server = createServer((client) => {
      const upstream = dial(Number(target.port), target.hostname)
      let heard = Buffer.alloc(0)
      client.on('data', (bytes) => {
        if (this.next === 'before Postgres has the statement') {
          this.next = undefined
          client.destroy()
        } else upstream.write(bytes)
      })
      upstream.on('data', (bytes: Buffer) => {
        if (this.next === undefined) return void client.write(bytes)
        heard = Buffer.concat([heard, bytes])
        if (!heard.includes(READY)) return
        this.next = undefined
        client.destroy()
      })
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        one.on('error', () => other.destroy())
        one.on('close', () => other.destroy())
      }
    })
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
  }
}

/** One connection, whose statements are prepared by an earlier call: an exchange is then one round trip. */
const test = base
  .extend('pool', { scope: 'file' }, async ({}, { onCleanup }) => {
    const pools: Sql[] = []
    onCleanup(async () => void (await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })))))
    return (url: string, statementTimeoutMs = 0) => {
      const sql = connect(url, { max: 1, statementTimeoutMs })
      pools.push(sql)
      return sql
    }
  })
  .extend('proxy', { scope: 'file' }, async ({ api }, { onCleanup }) => {
    const proxy = new CuttingProxy(new URL(api.database.appUrl))
    onCleanup(() => proxy.close())
    return proxy
  })
  .extend('throughProxy', { scope: 'file' }, async ({ api, proxy, pool }, { onCleanup }) => {
    const url = new URL(api.database.appUrl)
    url.port = String(await proxy.listen())
    const throughProxy = await ledgerApp({ executor: new Executor(pool(url.href)) })
    onCleanup(() => throughProxy.close())
    return throughProxy
  })
test.beforeAll(({ api }) => api.fund('alice', 1_000))

const pay = (api: LedgerApp, headers?: Record<string, string>) =>
  api.call(alice, 'POST /transactions', { type: 'booking_payment', amount: 1 }, headers)
const balance = async (api: LedgerApp) =>
  (await api.call(alice, 'GET /transactions/balance')).body.balance as number

describe.each<[Break, number]>([
  ['before Postgres has the statement', 0],
  ['after the commit, before the answer', 1],
])('a connection that breaks %s', (when, taken) => {
  test('is an unknown outcome without a key: who asks is not told to repeat it', async ({
    api,
    throughProxy,
    proxy,
  }) => {
    expect((await pay(throughProxy)).status).toBe(201)
    const before = await balance(api)
    proxy.next = when
    const { status, body, headers } = await pay(throughProxy)
    expect([status, body.code, headers.get('Retry-After')]).toEqual([503, 'timeout', null])
    expect(await balance(api)).toBe(before - taken)
  })

  test('is tried again with a key, and pays once', async ({ api, throughProxy, proxy }) => {
    expect((await pay(throughProxy)).status).toBe(201)
    const before = await balance(api)
    proxy.next = when
    const { status } = await pay(throughProxy, { 'Idempotency-Key': randomUUID() })
    expect(status).toBe(201)
    expect(await balance(api)).toBe(before - 1)
  })
})

test('a statement that Postgres gave up was not applied: it may be repeated', async ({
  api,
  pool,
}) => {
  const sql = pool(api.database.appUrl, 100)
  const owner = pool(api.database.ownerUrl)
  const impatient = await ledgerApp({ executor: new Executor(sql, { retryForMs: 300 }) })
  const before = await balance(api)
  await owner.begin(async (locker) => {
    await locker`lock table wallets in row exclusive mode`
    await locker`select from wallets where user_id = 'alice' for update`
    const { status, body, headers } = await pay(impatient)
    expect([status, body.code, headers.get('Retry-After')]).toEqual([503, 'unavailable', '1'])
  })
  expect(await balance(api)).toBe(before)
  expect((await pay(impatient)).status).toBe(201)
  await impatient.close()
})

test('every time that the API gives has six decimals', async ({ api }) => {
  const texts = []
  for (let i = 0; i < 20; i++) texts.push((await pay(api)).text)
  texts.push((await api.call(alice, 'GET /transactions/balance')).text)
  texts.push((await api.call(alice, 'GET /transactions/export?format=ndjson')).text)
  const times = texts.flatMap((text) => text.match(/\d{4}-\d\d-\d\dT[^"]*/g) ?? [])
  expect(times.length).toBeGreaterThan(60)
  for (const time of times) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
})
