import { expect, test } from 'vitest'
import { bearer, edge } from '../support/http/stub.ts'

test('a sane request id is kept, another one replaced', async () => {
  const { app } = edge()
  const ask = (id: string) => app.request('/health/live', { headers: { 'X-Request-Id': id } })
  expect((await ask('order-17.b')).headers.get('X-Request-Id')).toBe('order-17.b')
  expect((await ask('a"b c')).headers.get('X-Request-Id')).toMatch(/^[\w-]{12}-[0-9a-z]+$/)
})

test('no answer may be stored or framed', async () => {
  const { app } = edge()
  for (const path of ['/health/live', '/nowhere', '/transactions/balance']) {
    const { headers } = await app.request(path)
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('X-Frame-Options')).toBe('DENY')
    expect(headers.get('Content-Security-Policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('X-Request-Id')).toBeTruthy()
  }
})

test('a page of a listed origin may call and read its answers, errors included; another may not', async () => {
  const { app } = edge()
  const from = (Origin: string, method = 'GET') =>
    app.request('/transactions/balance', {
      method,
      headers: { Origin, 'Access-Control-Request-Method': 'GET' },
    })
  const listed = await from('https://app.example.com')
  expect(listed.status).toBe(401)
  expect(listed.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example.com')
  expect((await from('https://app.example.com', 'OPTIONS')).status).toBe(204)
  const other = await from('https://evil.example.com')
  expect(other.headers.get('Access-Control-Allow-Origin')).toBeNull()
})

test.each([
  ['', 'missing'],
  ['Bearer', 'missing'],
  ['Basic YWxpY2U6c2VjcmV0', 'missing'],
  ['Bearer two words', 'malformed'],
  ['Bearer no-token', 'malformed'],
])('Authorization: %j is refused with the reason %s', async (Authorization, reason) => {
  const { app } = edge()
  const response = await app.request('/transactions/balance', { headers: { Authorization } })
  expect(response.status).toBe(401)
  expect(await response.json()).toMatchObject({ code: 'unauthorized', details: { reason } })
  expect(response.headers.get('www-authenticate')).toMatch(
    reason === 'missing' ? /^Bearer$/ : /error_description="The token is not a signed JWT\."/,
  )
})

test('a token in the URL of a REST call counts for nothing', async () => {
  const { app } = edge()
  const { Authorization } = await bearer()
  const response = await app.request(`/transactions/balance?token=${Authorization.slice(7)}`)
  expect(response.status).toBe(401)
  expect(response.headers.get('WWW-Authenticate')).toBe('Bearer')
})
