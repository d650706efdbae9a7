import { pino } from 'pino'
import { expect, test } from 'vitest'
import { RequestMeter } from '../../src/http/middleware/observe.ts'
import { bearer, edge } from '../support/http/stub.ts'
import { eventually } from '../support/index.ts'

function watched(overrides: Parameters<typeof edge>[0] = {}) {
  const requests = new RequestMeter()
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  )
  const { app } = edge({ ...overrides, requests, log })
  const counted = () =>
    [...requests.read()].map(({ route, method, status, seconds }) => [
      `${method} ${route} ${status}`,
      seconds.total,
    ])
  return { app, counted, lines, reported: () => lines.filter(({ msg }) => msg === 'request') }
}

const post = async (body: string) => ({
  method: 'POST',
  headers: { ...(await bearer()), 'Content-Type': 'application/json' },
  body,
})

test('requests are counted by the pattern that took them, whatever their path and method', async () => {
  const { app, counted } = watched({ reader: { transaction: async () => undefined } as never })
  for (const id of ['019a4e5c-0000-7000-8000-000000000001', 'nothing', 'a%20b']) {
    await app.request(`/transactions/${id}`, { headers: await bearer() })
  }
  for (let i = 0; i < 3; i++) await app.request('/health/live')
  await app.request('/health/live', { method: 'HEAD' })
  await app.request('/health/live', { method: 'BREW' })
  await app.request('/transactions/topup', await post('{"amount": 5}'))
  expect(counted().sort()).toEqual([
    ['GET /health/live 2xx', 4],
    ['GET /transactions/:id 4xx', 3],
    ['POST /transactions/topup 2xx', 1],
    ['other none 4xx', 1],
  ])
})

test('a request that was too slow is counted and logged once, as what its caller got', async () => {
  let finish = () => {}
  const slow = new Promise<never>((_, reject) => {
    finish = () => reject(new Error('too late to matter'))
  })
  const { app, counted, reported } = watched({
    executor: { execute: () => slow },
    requestTimeoutMs: 50,
  })
  const answer = await app.request('/transactions/topup', await post('{"amount": 5}'))
  expect(answer.status).toBe(503)
  finish()
  await new Promise((resolve) => setImmediate(resolve))
  expect(counted()).toEqual([['POST /transactions/topup 5xx', 1]])
  await eventually(() => expect(reported()).toHaveLength(1))
  expect(reported()[0]).toMatchObject({ status: 503, code: 'timeout', sub: 'alice' })
})

test('under load the log has a hundred lines a second, and says how many it left out', async () => {
  const { app, lines, reported } = watched()
  // The log's own seconds: those of another clock begin at another moment.
  const second = () => Math.floor(performance.now() / 1000)
  const began = second()
  for (let i = 0; i < 250; i++) await app.request('/nowhere')
  expect(reported().length).toBeLessThanOrEqual(100 * (second() - began + 1))
  expect(reported().length).toBeLessThan(250)
  await eventually(async () => {
    await app.request('/nowhere')
    expect(lines.some(({ notLogged }) => Number(notLogged) > 0)).toBe(true)
  })
})
