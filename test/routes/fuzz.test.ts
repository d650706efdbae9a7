import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Route, routesOf } from '../../src/openapi/document.ts'
import { mintToken } from '../environment/index.ts'
import { admin, alice, type LedgerApp, ledgerApp, service } from './ledger-app.ts'

const REQUESTS = 20_000
/** In flight at once, as a server has it. */
const WIDTH = 50

let it: LedgerApp
beforeAll(async () => {
  it = await ledgerApp({
    tickets: { issue: async () => ({ ticket: 't', expiresAt: '2030-01-01T00:00:00Z' }) },
  })
  await it.fund('alice', 1_000_000)
})
afterAll(() => it.close())

/** JSON texts that a careless server chokes on. */
const NASTY = [
  ...['null', 'true', '0', '-0', '-1', '0.1', '1e999', '-1e999', '1e-999', '1E+2', '5', '"5"'],
  ...['9007199254740993', '123456789012345678901234567890', '0.30000000000000004', '1e21'],
  ...['""', '" "', '"NaN"', '"Infinity"', '"0x10"', '"1_000"', '"1,5"', '"+5"', '"5."', '".5"'],
  ...['[]', '{}', '[[[[[]]]]]', '{"$gt": 0}', '{"__proto__": {}}', '{"toString": 1}', '[5]'],
  ...['"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"\u202e"', '"💥"'],
  ...[`"' or 1=1; drop table entries; --"`, '"{{7*7}}"', '"../../etc/passwd"', '"<script>"'],
  ...['"USD"', '"usd"', '"XXX"', '"success"', '"failed"', '"booking_payment"', '"below"'],
  ...['"alice"', '"constructor"', '"hasOwnProperty"', '"a b"', `"${'x'.repeat(300)}"`],
  ...['"2025-01-01"', '"0000-00-00T00:00:00Z"', '"019a4e5c-0000-7000-8000-000000000001"'],
]

const KEYS = [
  ...['amount', 'currency', 'description', 'status', 'type', 'userId', 'toUserId', 'adminNotes'],
  ...['referenceId', 'referenceType', 'expiresIn', 'threshold', 'direction', 'maxAmount', 'maxSum'],
  ...['windowSeconds', '__proto__', 'constructor', 'tenant', 'actor', 'op'],
]

const SEGMENTS = [
  ...['019a4e5c-0000-7000-8000-000000000001', 'alice', '1', '0', '-1', '%00', '%F0%9F%92%A5', '..'],
  ...[`'%20or%201=1--`, 'null', 'undefined', '%2e%2e%2f', 'x'.repeat(500), '%', '%ff', '{id}', '*'],
]

const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
)
const members = fc.array(fc.tuple(fc.constantFrom(...KEYS), value), { maxLength: 6 })
const body = fc.oneof(
  { weight: 6, arbitrary: members.map((all) => `{${all.map(([k, v]) => `"${k}":${v}`).join()}}`) },
  { weight: 1, arbitrary: value },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
)
const parameter = fc.oneof(
  value,
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(...SEGMENTS),
)
const search = fc.array(
  fc.tuple(
    fc.constantFrom(
      'cursor',
      'limit',
      'from',
      'to',
      'at',
      'type',
      'status',
      'userId',
      'format',
      'x',
    ),
    parameter,
  ),
  { maxLength: 3 },
)
const key = fc.option(fc.string({ maxLength: 300 }), { nil: undefined, freq: 3 })

/** What the route itself names is asked for most, so that most requests come past the first check. */
function requests(route: Route) {
  const own = route.expects.flatMap(({ schema }) =>
    Object.keys((schema as unknown as { shape?: object }).shape ?? {}),
  )
  const named = fc
    .tuple(...own.map((name) => fc.tuple(fc.constant(name), fc.option(value, { nil: '5' }))))
    .map((all) => `{${all.map(([k, v]) => `"${k}":${v}`).join()}}`)
  return fc.record({
    segment: fc.constantFrom(...SEGMENTS),
    search,
    body: fc.oneof({ weight: 2, arbitrary: named }, { weight: 1, arbitrary: body }),
    type: fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain', ''),
    key,
    caller: fc.constantFrom(alice, admin, service),
  })
}

const LEAKS =
  /\bat .+:\d+:\d+|node_modules|\bselect\b .*\bfrom\b|syntax error|relation "|PostgresError/i

test(`${REQUESTS.toLocaleString('en')} malformed requests: no 5xx, no leak, no growth`, async () => {
  const routes = routesOf(it.app)
  const tokens = new Map<object, string>()
  for (const caller of [alice, admin, service]) tokens.set(caller, await mintToken(caller))
  const each = Math.ceil(REQUESTS / routes.length)
  const statuses = new Map<number, number>()
  let heap = 0
  let sent = 0

  for (const route of routes) {
    const samples = fc.sample(requests(route), { numRuns: each, seed: 20_251_104 })
    while (samples.length > 0) {
      await Promise.all(
        samples.splice(0, WIDTH).map(async (sample) => {
          const headers = new Headers({ Authorization: `Bearer ${tokens.get(sample.caller)}` })
          if (sample.type) headers.set('Content-Type', sample.type)
          if (sample.key !== undefined && /^[\x20-\xff]*$/.test(sample.key)) {
            headers.set('Idempotency-Key', sample.key)
          }
          const query = new URLSearchParams(sample.search as [string, string][])
          const path = `${route.path.replace(/:\w+/, () => sample.segment)}?${query}`
          const withBody = route.method !== 'GET' && route.method !== 'DELETE'
          const response = await it.app.request(path, {
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
}, 180_000)

/** Node hides its collector unless it is started with a flag, which a test's process is not. */
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** MB in use after a collection. */
function settledHeap(): number {
  collect()
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20)
}

test('after all of it the ledger is sound', async () => {
  const { body } = await it.call(admin, 'GET /transactions/audit')
  expect(body).toMatchObject({ inaccurate: 0, discrepancies: [] })
})
