import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect } from 'vitest'
import { routesOf } from '../../src/api-docs/openapi.ts'
import { mintToken } from '../support/index.ts'
import { admin, alice, bob, service, test } from '../support/routes/ledger-app.ts'
import { malformed } from '../support/routes/malformed.ts'

const REQUESTS = 20_000
/** In flight at once, as a server has it. */
const WIDTH = 50

/** Of transactions that exist. */
const ids: string[] = ['alice']
test.beforeAll(async ({ api }) => {
  await api.fund('alice', 1_000_000)
  await api.call(bob, 'GET /transactions/balance')
  const opened = async (request: string, body: object) =>
    (await api.call(alice, request, body)).body.id as string
  for (let i = 0; i < 5; i++) {
    ids.push(
      await opened('POST /transactions/topup', { amount: 5 }),
      await opened('POST /transactions/hold', { amount: 5 }),
      await opened('POST /transactions/withdrawal', { amount: 5 }),
      await opened('POST /transactions', { type: 'booking_payment', amount: 5 }),
    )
  }
})

const LEAKS =
  /\bat .+:\d+:\d+|node_modules|\bselect\b .*\bfrom\b|syntax error|relation "|PostgresError/i

test(`${REQUESTS.toLocaleString('en')} malformed requests: no 5xx, no leak, no growth`, async ({
  api,
}) => {
  const routes = routesOf(api.app)
  const tokens = new Map<object, string>()
  for (const caller of [alice, admin, service]) tokens.set(caller, await mintToken(caller))
  const each = Math.ceil(REQUESTS / routes.length)
  const statuses = new Map<number, number>()
  let heap = 0
  let sent = 0

  for (const route of routes) {
    const samples = fc.sample(
      fc.record({
        request: malformed(route, ids),
        caller: fc.constantFrom(alice, admin, service),
      }),
      { numRuns: each, seed: 20_251_104 },
    )
    while (samples.length > 0) {
      await Promise.all(
        samples.splice(0, WIDTH).map(async ({ request: sample, caller }) => {
          const headers = new Headers({ Authorization: `Bearer ${tokens.get(caller)}` })
          if (sample.type) headers.set('Content-Type', sample.type)
          if (sample.key !== undefined && /^[\x20-\xff]*$/.test(sample.key)) {
            headers.set('Idempotency-Key', sample.key)
          }
          const path = `${route.path.replace(/:\w+/, () => sample.segment)}?${sample.query}`
          const withBody = route.method !== 'GET' && route.method !== 'DELETE'
          const response = await api.app.request(path, {
            method: route.method,
            headers,
            ...(withBody && { body: sample.body }),
          })
          const text = await response.text()
          const said = `${route.method} ${path} ${withBody ? sample.body : ''} → ${response.status} ${text.slice(0, 300)}`
          if (response.status >= 500) throw new Error(said)
          if (response.status >= 400) {
            const { code, requestId } = JSON.parse(text)
            if (!code || !requestId || LEAKS.test(text)) throw new Error(said)
          }
          statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
          sent++
        }),
      )
    }
    // The first routes fill caches and compile code; from there on it has to stay.
    if (route === routes[8]) heap = settledHeap()
  }
  const grown = settledHeap() - heap
  console.log(`fuzz: ${sent} requests,`, Object.fromEntries([...statuses].sort()), `${grown} MB`)
  expect(sent).toBeGreaterThanOrEqual(REQUESTS)
  expect(grown).toBeLessThan(32)
})

/** Node hides its collector unless it is started with a flag, which a test's process is not. */
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** MB in use after a collection. */
function settledHeap(): number {
  collect()
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20)
}

test('after all of it the ledger is sound', async ({ api }) => {
  const { body } = await api.call(admin, 'GET /transactions/audit')
  expect(body).toMatchObject({ inaccurate: 0, discrepancies: [] })
})
