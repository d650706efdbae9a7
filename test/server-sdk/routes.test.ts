import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { METHODS, type Method, OWN_METHODS } from '../../src/server-sdk/methods.ts'
import { type Recorded, recordingClient } from '../support/server-sdk/recording-client.ts'

interface Operation {
  parameters: { name: string; in: string; required?: boolean }[]
}

const root = join(import.meta.dirname, '../..')
const { paths } = JSON.parse(readFileSync(join(root, 'docs/reference/openapi.json'), 'utf8'))

/** By name, as the methods have it: `POST /transactions/:id/refund`. */
const operations = new Map<string, Operation>(
  Object.entries<Record<string, Operation>>(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [
      `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
      operation,
    ]),
  ),
)

/** Operations that no service calls through this library. */
const LEFT_OUT = {
  'GET /health/live': 'for whatever restarts the process',
  'GET /health/ready': 'for load balancers',
  'GET /transactions/export': 'a file of any length, not JSON',
  'GET /admin/deeds/export': 'the same',
  'POST /sign-in/begin': 'for the console',
  'POST /sign-in/finish': 'for the console',
  'POST /sign-in/end': 'for the console',
  'POST /balance/ticket': 'for the connections of browsers',
  'POST /balance/push': 'for the user’s own browser',
  'GET /balance/push': 'for the user’s own browser',
  'PUT /balance/push/settings': 'for the user’s own browser',
  'PUT /balance/push/visible': 'for the user’s own browser',
  'DELETE /balance/push': 'for the user’s own browser',
  'DELETE /balance/push/:id': 'for the user’s own browser',
  'POST /providers/stripe': 'for the payment provider, which signs its requests',
  'POST /providers/signed': 'for a program in front of a provider, which signs its requests',
}

type Table = { readonly [name: string]: Method | Table }

/** Each method with its path in the client, such as `limits.put`. */
function methodsIn(
  table: Table,
  path: string[] = [],
): { name: string[]; route: string; isList: boolean }[] {
  return Object.entries(table).flatMap(([key, entry]) => {
    const name = [...path, key]
    if (typeof entry === 'string') return [{ name, route: entry, isList: false }]
    if (typeof entry.route === 'string') return [{ name, route: entry.route, isList: true }]
    return methodsIn(entry as Table, name)
  })
}

const methods = [...methodsIn(METHODS), ...methodsIn(OWN_METHODS)]

test('each operation has a method, or is left out on purpose', () => {
  const called = methods.map(({ route }) => route)
  expect([...new Set([...called, ...Object.keys(LEFT_OUT)])].sort()).toEqual(
    [...operations.keys()].sort(),
  )
  expect(Object.keys(LEFT_OUT).filter((route) => called.includes(route))).toEqual([])
})

test('the lists that are read page by page are those with a cursor', () => {
  const paged = [...operations].flatMap(([route, { parameters }]) =>
    parameters.some(({ name }) => name === 'cursor') && route.startsWith('GET') ? [route] : [],
  )
  const lists = methods.filter(({ isList }) => isList).map(({ route }) => route)
  expect(lists.sort()).toEqual(paged.sort())
})

describe('sends what openapi.json says', () => {
  test.each(methods.map((method) => [method.name.join('.'), method] as const))(
    '%s',
    async (_, { name, route }) => {
      const operation = operations.get(route) ?? expect.fail('there is no such operation')
      const of = (place: string) => operation.parameters.filter((one) => one.in === place)
      const params = of('path').map((_, i) => `a/b ${i}`)
      const input = { metadata: { orderId: 'A 1' }, note: 'x&y' }
      const { client, calls } = recordingClient()
      // biome-ignore lint/suspicious/noExplicitAny: any method, by its name
      const found = name.reduce<any>((part, next) => part[next], client)
      if (name.includes('balanceAt')) await found('2026-01-01', input)
      else await found(...params, input, { idempotencyKey: 'k-1' })

      const [{ method, url, headers, body }] = calls as [Recorded]
      const expected = params.reduce(
        (path, value) => path.replace(/:\w+/, encodeURIComponent(value)),
        route.split(' ')[1] ?? '',
      )
      expect(`${method} ${url.pathname}`).toBe(`${method} ${expected}`)
      expect(method).toBe(route.split(' ')[0])
      const takesKey = operation.parameters.some((one) => one.name === 'Idempotency-Key')
      expect(headers.has('Idempotency-Key')).toBe(takesKey)
      const inQuery = of('query').length > 0 || method === 'GET' || method === 'DELETE'
      const query = { note: 'x&y', 'metadata.orderId': 'A 1' }
      expect(Object.fromEntries(url.searchParams)).toMatchObject(inQuery ? query : {})
      expect(url.searchParams.size > 0).toBe(inQuery)
      expect(body === undefined).toBe(method === 'GET' || method === 'DELETE')
      if (body !== undefined) expect(JSON.parse(body)).toMatchObject(inQuery ? {} : input)
    },
  )
})

test('a parameter that would be another path is refused', () => {
  const { client, calls } = recordingClient()
  for (const id of ['', '.', '..', undefined as never]) {
    expect(() => client.refund(id)).toThrow(TypeError)
  }
  expect(calls).toEqual([])
})
