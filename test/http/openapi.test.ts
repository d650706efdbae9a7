import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { openApiText } from '../../scripts/openapi.ts'
import { APART, routesOf } from '../../src/api-docs/openapi.ts'
import { OPERATIONS } from '../../src/api-docs/operations.ts'
import { problem } from '../../src/api-docs/responses.ts'
import { ERRORS } from '../../src/http/errors.ts'
import type { ErrorCode } from '../../src/lib/api-error.ts'
import { edge } from '../support/http/stub.ts'

test('the document is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(JSON.parse(await openApiText()))
  expect(result).toEqual({ valid: true })
})

test('every route is described, and nothing is described that is no route', () => {
  const names = routesOf(edge().app).map(({ name }) => name)
  expect(names.filter((name) => !APART.has(name)).sort()).toEqual(Object.keys(OPERATIONS).sort())
})

/** The paths for which nobody needs a token. */
const OPEN = /^\/(health|providers)\/|^\/sign-in\/(begin|finish)$/

test('every operation has a name of its own and asks for a token unless anyone may call it', async () => {
  const { paths } = JSON.parse(await openApiText()) as {
    paths: Record<string, Record<string, { operationId: string; security: unknown[] }>>
  }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, ...operation })),
  )
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
  for (const { path, security } of operations) {
    expect([path, security.length > 0]).toEqual([path, !OPEN.test(path)])
  }
})

interface Answer {
  description: string
  content: Record<string, { schema: object; examples?: Record<string, { $ref: string }> }>
}

async function everyOperation() {
  const { paths, components } = JSON.parse(await openApiText())
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods as object).map(([method, operation]) => ({ path, method, operation })),
  )
  return { operations, components }
}

test('every operation has a subject, a summary, its path’s parameters, and a schema for what it answers', async () => {
  const { operations } = await everyOperation()
  for (const { path, method, operation } of operations) {
    const where = `${method} ${path}`
    expect([where, operation.tags.length, operation.summary !== '']).toEqual([where, 1, true])
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const described = operation.parameters
      .filter((parameter: { in: string }) => parameter.in === 'path')
      .map(({ name }: { name: string }) => name)
    expect([where, described]).toEqual([where, inPath])
    for (const [status, answer] of Object.entries(operation.responses as Record<string, Answer>)) {
      expect([where, status, Object.keys(answer.content).length > 0]).toEqual([where, status, true])
      expect([where, status, answer.description]).not.toContain('')
    }
  }
})

/** Codes of connections, of results in a bulk, and one that the edge refuses before the ledger can. */
const ELSEWHERE = [
  'bulk_aborted',
  'currency_mismatch',
  'too_many_connections',
  'message_too_large',
  'handshake_timeout',
  'slow_consumer',
  'shutting_down',
]

test('every error code has an example in the form of all errors, under the status that it has', async () => {
  const { operations, components } = await everyOperation()
  expect(Object.keys(components.examples).sort()).toEqual(
    Object.keys(ERRORS)
      .filter((code) => !ELSEWHERE.includes(code))
      .sort(),
  )
  for (const [code, { value }] of Object.entries<{ value: unknown }>(components.examples)) {
    expect(problem.strict().parse(value)).toMatchObject({ code })
  }
  for (const { operation } of operations) {
    for (const [status, { content }] of Object.entries(
      operation.responses as Record<string, Answer>,
    )) {
      for (const code of Object.keys(content['application/json']?.examples ?? {})) {
        expect([code, ERRORS[code as ErrorCode][0]]).toEqual([code, Number(status)])
      }
    }
  }
})

test('a call that takes a currency or an amount names the code of a wrong one', async () => {
  const { operations } = await everyOperation()
  const codes = {
    currency: 'unknown_currency',
    amount: 'invalid_amount',
    threshold: 'invalid_amount',
  }
  let found = 0
  for (const { path, method, operation } of operations) {
    const [body] = Object.values<{ schema: { properties?: object } }>(
      operation.requestBody?.content ?? {},
    )
    const fields = [
      ...Object.keys(body?.schema.properties ?? {}),
      ...operation.parameters.map(({ name }: { name: string }) => name),
    ]
    const described = operation.responses[400].content['application/json'].examples
    for (const [field, code] of Object.entries(codes)) {
      if (!fields.includes(field)) continue
      found += 1
      expect([method, path, Object.keys(described)]).toEqual([
        method,
        path,
        expect.arrayContaining([code]),
      ])
    }
  }
  expect(found).toBeGreaterThan(20)
})

test('an unhealthy process answers as described, and nothing tells a client to repeat by Retry-After what may have taken effect', async () => {
  const { operations } = await everyOperation()
  for (const { path, operation } of operations) {
    const { schema } = operation.responses[503].content['application/json']
    expect([path, 'anyOf' in schema]).toEqual([path, path.startsWith('/health/')])
    for (const line of operation.responses[503].description.split('\n\n')) {
      if (line.startsWith('`timeout`')) expect(line).not.toContain('Retry-After')
    }
  }
})

test('every reference in the document leads somewhere', async () => {
  const text = await openApiText()
  const document = JSON.parse(text)
  const references = [...text.matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, path = '']) => path)
  expect(references.length).toBeGreaterThan(100)
  for (const path of new Set(references)) {
    const target = path.split('/').reduce((node, key) => node?.[key], document)
    expect([path, target]).toEqual([path, expect.any(Object)])
  }
})

test('/docs is one page that asks no other server for anything', async () => {
  const { app } = edge()
  const response = await app.request('/docs')
  const html = await response.text()
  expect(response.headers.get('Content-Type')).toContain('text/html')
  expect(response.headers.get('Content-Security-Policy')).toContain("default-src 'none'")
  for (const id of [
    'processTopup',
    'event-balance_updated',
    'error-insufficient_funds',
    'Transaction',
  ]) {
    expect(html).toContain(`id="${id}"`)
  }
  // Every link on it has its place.
  for (const [, target] of html.matchAll(/href="#([^"]+)"/g))
    expect(html).toContain(`id="${target}"`)
  expect(html).not.toMatch(/<script|https?:\/\//)
})

test('/openapi.json names the currency of this server as the default', async () => {
  const { app } = edge({ currency: 'EUR' })
  const document = await (await app.request('/openapi.json')).text()
  expect(document).toContain('"default":"EUR"')
})
