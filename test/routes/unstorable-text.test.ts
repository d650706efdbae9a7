import { describe, expect } from 'vitest'
import type { z } from 'zod'
import { routesOf } from '../../src/api-docs/openapi.ts'
import { contentsOf } from '../support/index.ts'
import { EXAMPLES, type Example, prepare } from '../support/routes/examples.ts'
import { admin, alice, type LedgerApp, test } from '../support/routes/ledger-app.ts'
import { refused } from '../support/routes/refused.ts'

let api: LedgerApp
test.beforeAll(async ({ api: opened }) => {
  api = opened
  await prepare(api)
})

const invalid = [400, 'invalid_request'] as const

/** NUL, which Postgres cannot store, and halves of pairs, which are no characters: as JSON writes them. */
const UNSTORABLE = { NUL: '\\u0000', 'a high surrogate': '\\ud800', 'a low surrogate': 'x\\udc00y' }
const PUTS: Record<string, Example> = {
  'PUT /transactions/monitors': { by: alice, body: { threshold: 1, direction: 'below' } },
  'PUT /transactions/limits': {
    by: admin,
    body: { userId: 'alice', type: 'transfer', maxAmount: 5 },
  },
}

describe.each(Object.entries({ ...EXAMPLES, ...PUTS }))('%s', (name, { by, id, body = {} }) => {
  const route = () => routesOf(api.app).find((one) => one.name === name)
  const fieldsOf = (target: string) =>
    (route()?.expects ?? [])
      .filter((expectation) => expectation.target === target)
      .flatMap(({ schema }) =>
        Object.entries((schema as unknown as { shape?: Record<string, z.ZodType> }).shape ?? {}),
      )
  /** Fields that take some text or other, whatever else it must look like. */
  const texts = () => fieldsOf('json').map(([field]) => field)

  test.each(Object.entries(UNSTORABLE))('takes %s in no field', async (_, text) => {
    const path = name.replace(/:\w+/, (await id?.(api)) ?? '')
    for (const field of texts()) {
      const { [field]: _, ...others } = body as Record<string, unknown>
      const json = `{${[
        ...Object.entries(others).map(([key, value]) => `"${key}":${JSON.stringify(value)}`),
        `"${field}":"${text}"`,
      ].join()}}`
      const before = await contentsOf(api.sql)
      const answer = await api.call(by, path, json)
      expect([field, answer.status]).toEqual([field, 400])
      expect(await contentsOf(api.sql)).toEqual(before)
    }
    // Nor under a name of its own.
    const whole = JSON.stringify(body)
      .replace(/^\{/, '')
      .replace(/^(?=.{2})/, ',')
    await refused(api, by, path, `{"${text}":1${whole}`, invalid)
  })

  // A PUT takes no key.
  if (name.startsWith('PUT')) return
  test('takes no Idempotency-Key that is not printable', async () => {
    const path = name.replace(/:\w+/, (await id?.(api)) ?? '')
    for (const key of ['', 'x'.repeat(256), 'a\tb', 'caf\u00e9', '\u0001', '\u007f']) {
      await refused(api, by, path, body, invalid, { 'Idempotency-Key': key })
    }
  })
})

test.each([
  'GET /transactions/verify/%00',
  'GET /transactions/verify/%ED%A0%80',
  'GET /transactions/balance?userId=%00',
  'GET /transactions/balance?at=%00',
  'GET /transactions/all?userId=a%00b',
  'GET /transactions/all?cursor=%00',
  'GET /admin/wallets?search=%00',
  'POST /transactions/recalculate/%00',
  'POST /transactions/recalculate/alice?currency=%00',
])('%s', async (request) => {
  const before = await contentsOf(api.sql)
  const { status } = await api.call(admin, request)
  expect([400, 404]).toContain(status)
  expect(await contentsOf(api.sql)).toEqual(before)
})
