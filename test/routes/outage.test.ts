import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import postgres from 'postgres'
import { expect } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { Reader } from '../../src/ledger/reader.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { eventually } from '../support/index.ts'
import { alice, test as base, ledgerApp } from '../support/routes/ledger-app.ts'

/** Connections to where nobody listens. */
async function nowhere(): Promise<Sql> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return connect(`postgres://nobody:secret-word@127.0.0.1:${port}/ledger`, { max: 1 })
}

const test = base.extend('nowhere', { scope: 'file' }, async ({}, { onCleanup }) => {
  const sql = await nowhere()
  onCleanup(() => sql.end({ timeout: 0 }))
  return sql
})
test.override('parts', { scope: 'file' }, ({ nowhere }) => ({
  requestTimeoutMs: 2_000,
  executor: new Executor(nowhere, { retryForMs: 300 }),
  reader: new Reader(nowhere),
  cache: { cachedBalance: async () => null, fill: async () => {} },
}))

test.for<[string, object?]>([
  ['GET /transactions/balance'],
  ['GET /transactions/balance/cached'],
  ['GET /transactions/my-transactions'],
  ['GET /transactions/export'],
  ['POST /transactions/topup', { amount: 5 }],
  ['POST /transactions', { type: 'booking_payment', amount: 5 }],
])(
  'while Postgres is away %s is 503 with Retry-After, in time',
  async ([request, body], { api }) => {
    const started = Date.now()
    const answer = await api.call(alice, request, body)
    expect(answer.status).toBe(503)
    expect(answer.body.code).toMatch(/^(unavailable|timeout)$/)
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect(answer.text).not.toMatch(/127\.0\.0\.1|secret-word|ECONNREFUSED/)
    expect(Date.now() - started).toBeLessThan(10_000)
  },
)

test('a balance that is cached is answered all the same', async ({ nowhere }) => {
  const cached = await ledgerApp({
    reader: new Reader(nowhere),
    cache: { cachedBalance: async () => '12.5', fill: async () => {} },
  })
  const { body } = await cached.call(alice, 'GET /transactions/balance/cached')
  expect(body).toEqual({ balance: 12.5, cached: true })
  await cached.close()
})

test('when Postgres is back, so is the server', async () => {
  const restarted = await ledgerApp()
  await restarted.fund('alice', 5)
  const owner = postgres(restarted.database.ownerUrl, { max: 1 })
  await owner`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`
  await owner.end()
  await eventually(async () => {
    const { body } = await restarted.call(alice, 'GET /transactions/balance')
    expect(body.balance).toBe(5)
  })
  await restarted.close()
})
