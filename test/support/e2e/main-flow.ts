import { randomBytes } from 'node:crypto'
import { EventSource } from 'eventsource'
import { expect } from 'vitest'
import { type CliServer, startServer } from '../cli/server.ts'
import { createEmptyDatabase, eventually, mintToken, redisUrl } from '../index.ts'

const EVENTS = [
  'balance_initial',
  'balance_updated',
  'balance_insufficient',
  'transaction_completed',
  'transaction_failed',
]

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/g

/**
 * What a user of the server sees while money comes, is spent, is missing and comes back: every answer, the statement, a
 * balance of an earlier time, the events and the audit. Ids are numbered, times are only `time`, so that two servers can
 * be compared.
 */
async function mainFlow(server: CliServer, user: string): Promise<unknown> {
  const seen: unknown[] = []
  const call = async (who: string, method: string, path: string, body?: object, key?: string) => {
    const roles = who === 'boss' ? ['admin'] : []
    const response = await fetch(server.url + path, {
      method,
      headers: {
        Authorization: `Bearer ${await mintToken({ sub: who, roles })}`,
        'Content-Type': 'application/json',
        ...(key === undefined ? {} : { 'Idempotency-Key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    const answer = isJson ? JSON.parse(text) : text
    delete answer.requestId
    seen.push([method, path, response.status, answer])
    return answer
  }

  const events: unknown[] = []
  const token = await mintToken({ sub: user })
  const stream = new EventSource(`${server.url}/balance/stream?token=${token}`)
  for (const name of EVENTS) {
    stream.addEventListener(name, ({ data }) => events.push([name, JSON.parse(data)]))
  }
  try {
    await eventually(() => expect(events).toHaveLength(1))
    const topup = await call(user, 'POST', '/transactions/topup', { amount: 100.5 })
    await call('boss', 'PATCH', `/transactions/topup/${topup.id}/process`, { status: 'success' })
    const payment = {
      ...{ type: 'booking_payment', amount: 19.99, referenceId: 'booking-1' },
      description: "J\\ø'☃ = null",
    }
    const paid = await call(user, 'POST', '/transactions', payment, 'key-1')
    await call(user, 'POST', '/transactions', payment, 'key-1')
    await call(user, 'POST', '/transactions', { ...payment, amount: 1_000 })
    await call('boss', 'POST', `/transactions/${paid.id}/refund`, { amount: 5 })
    await call(user, 'GET', '/transactions/balance')
    await call(user, 'GET', '/transactions/balance/snapshot')
    await call(user, 'GET', `/transactions/balance?at=${paid.createdAt}`)
    await call(user, 'GET', '/transactions/my-transactions')
    await call(user, 'GET', `/transactions/my-transactions?from=${paid.createdAt}&type=refund`)
    await call(user, 'GET', '/transactions/export?format=csv')
    await call('boss', 'GET', `/transactions/verify/${user}`)
    await call('boss', 'GET', '/transactions/audit')
    await eventually(() => expect(events).toHaveLength(8))
  } finally {
    stream.close()
  }
  return comparable({ seen, events }, user)
}

function comparable(value: unknown, user: string): unknown {
  const numbers = new Map<string, number>()
  const text = JSON.stringify(value)
    .replaceAll(user, 'user')
    .replaceAll(TIME, 'time')
    .replaceAll(ID, (id) => {
      if (!numbers.has(id)) numbers.set(id, numbers.size)
      return `id ${numbers.get(id)}`
    })
    .replaceAll(/"id":"[0-9a-f]{12}:/g, '"id":"epoch:')
  return JSON.parse(text)
}

/** The flow on a server of its own, which migrates the database if need be. */
export async function flowOf(databaseUrl: string): Promise<unknown> {
  const server = await startServer(databaseUrl, redisUrl())
  try {
    return await mainFlow(server, `user-${randomBytes(6).toString('hex')}`)
  } finally {
    await server.close()
  }
}

/** The flow on a database without any setting of its own. */
export async function plainFlow(): Promise<unknown> {
  const database = await createEmptyDatabase()
  try {
    return await flowOf(database.ownerUrl)
  } finally {
    await database.drop()
  }
}
