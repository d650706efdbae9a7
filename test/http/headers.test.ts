import { expect, test } from 'vitest'
import { LOCAL_PAGES } from '../../src/lib/origins.ts'
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

test.each([[['https://app.example.com']], [[]]])(
  'with CORS_ORIGINS %j the preflight of another page is refused by a message that names it',
  async (corsOrigins) => {
    const { app } = edge({ corsOrigins })
    const preflight = await app.request('/transactions/balance', {
      method: 'OPTIONS',
      headers: { Origin: 'http://localhost:5173', 'Access-Control-Request-Method': 'GET' },
    })
    expect(preflight.status).toBe(403)
    expect(preflight.headers.get('Access-Control-Allow-Headers')).toBeNull()
    expect(await preflight.json()).toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('CORS_ORIGINS'),
      details: { origin: 'http://localhost:5173' },
    })
  },
)

test('where pages of this machine are listed, each of them may call, from any port', async () => {
  const { app } = edge({ corsOrigins: [LOCAL_PAGES] })
  for (const Origin of ['http://localhost:5173', 'http://127.0.0.1:8080', 'http://[::1]:4200']) {
    const headers = { Origin, 'Access-Control-Request-Method': 'POST' }
    const preflight = await app.request('/transactions/topup', { method: 'OPTIONS', headers })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBe(Origin)
    expect(preflight.headers.get('Vary')).toBe('Origin')
  }
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
