import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { openApiText } from '../../scripts/openapi.ts'
import { APART, routesOf } from '../../src/openapi/document.ts'
import { OPERATIONS } from '../../src/openapi/operations.ts'
import { edge } from './stub.ts'

test('the document is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(JSON.parse(await openApiText()))
  expect(result).toEqual({ valid: true })
})

test('every route is described, and nothing is described that is no route', () => {
  const names = routesOf(edge().app).map(({ name }) => name)
  expect(names.filter((name) => !APART.has(name)).sort()).toEqual(Object.keys(OPERATIONS).sort())
})

test('every operation has a name of its own and asks for a token unless anyone may call it', async () => {
  const { paths } = JSON.parse(await openApiText()) as {
    paths: Record<string, Record<string, { operationId: string; security: unknown[] }>>
  }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, ...operation })),
  )
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
  for (const { path, security } of operations) {
    expect([path, security.length > 0]).toEqual([path, !path.startsWith('/health/')])
  }
})

test('/docs is one page that asks no other server for anything', async () => {
  const { app } = edge()
  const response = await app.request('/docs')
  const html = await response.text()
  expect(response.headers.get('Content-Type')).toContain('text/html')
  expect(response.headers.get('Content-Security-Policy')).toContain("default-src 'none'")
  expect(html).toContain('/transactions/topup/{id}/process')
  expect(html).not.toMatch(/<script|https?:\/\//)
})

test('/openapi.json names the currency of this server as the default', async () => {
  const { app } = edge({ currency: 'EUR' })
  const document = await (await app.request('/openapi.json')).text()
  expect(document).toContain('"default":"EUR"')
})
