import { randomInt } from 'node:crypto'
import { expect } from 'vitest'
import { People, request } from '../support/conformance/api.ts'
import { test as base, conformance } from '../support/conformance/fixtures.ts'

/** A server behind one proxy, with small budgets. Each test comes from addresses of its own. */
const test = base
  .extend('server', { scope: 'file' }, ({ startServer }) =>
    startServer({
      TRUST_PROXY: '1',
      RATE_LIMIT_READS: '5',
      RATE_LIMIT_HANDSHAKES: '100',
      RATE_LIMIT_IP_READS: '20',
      RATE_LIMIT_IP_HANDSHAKES: '30',
    }),
  )
  .extend('people', { scope: 'file' }, ({ server }) => new People(server.url))
  .extend('address', () => `203.0.${randomInt(256)}.${randomInt(256)}`)

conformance('limits', () => {
  test('of a user: 429 with the time to wait, and the budget in headers', async ({
    people,
    address,
  }) => {
    const user = await people.user()
    const headers = { 'X-Forwarded-For': address }
    const read = () => user.call('GET', '/transactions/balance', { headers })
    const first = await read()
    expect(first.headers.get('ratelimit-policy')).toBe('"reads";q=5;w=60')
    expect(first.headers.get('ratelimit')).toMatch(/^"reads";r=4;t=\d+$/)
    for (let i = 0; i < 4; i++) expect((await read()).status).toBe(200)
    const refused = await read()
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const other = await people.user()
    expect((await other.call('GET', '/transactions/balance', { headers })).status).toBe(200)
  })

  test('of an address: wrong tokens use it up, for that address only', async ({
    people,
    address,
  }) => {
    const read = (from: string) =>
      request(`${people.url}/transactions/balance`, 'GET', {
        headers: { Authorization: 'Bearer wrong', 'X-Forwarded-For': `198.51.100.7, ${from}` },
      })
    expect([(await read(address)).status, (await read(address)).status]).toEqual([401, 401])
    const refused = await read(address)
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited'])
    expect((await read('192.0.2.1')).status).toBe(401)
  })

  test('of streams from one address', async ({ people, address }) => {
    const open = () =>
      request(`${people.url}/balance/stream?token=wrong`, 'GET', {
        headers: { 'X-Forwarded-For': address },
      })
    for (let i = 0; i < 3; i++) expect((await open()).status).toBe(401)
    expect((await open()).status).toBe(429)
  })
})
