import { expect } from 'vitest'
import { createDatabase, describeWithPrivateRedis, mintToken, UNLIMITED } from '../support/index.ts'
import { bootServer } from '../support/observability/booted.ts'
import { connectBy, TRANSPORTS } from '../support/realtime/balance-server.ts'
import { test as base } from '../support/realtime/private-redis.ts'

/** A whole server that lets in so few from one address that four failures, which count ten times, are the limit. */
const test = base
  .extend('database', { scope: 'file' }, async ({}, { onCleanup }) => {
    const database = await createDatabase()
    onCleanup(() => database.drop())
    return database
  })
  .extend('server', { scope: 'file' }, async ({ database, redis }, { onCleanup }) => {
    const server = await bootServer({
      ...{ ...UNLIMITED, DATABASE_URL: database.ownerUrl, REDIS_URL: redis.url },
      ...{ RATE_LIMIT_IP_READS: '40', RATE_LIMIT_IP_HANDSHAKES: String(TRANSPORTS.length * 10) },
    })
    onCleanup(() => server.close())
    return server
  })

const UNKNOWN = `lb_live_${'0'.repeat(12)}${'A'.repeat(43)}`

describeWithPrivateRedis('the limit of an address', () => {
  test('counts an API key that is not known, is revoked or is wrong as a failed authentication', async ({
    server,
  }) => {
    const ask = async (token: string, request: string, body?: object) => {
      const [method = '', path = ''] = request.split(' ')
      const response = await fetch(server.url + path, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          'Content-Type': 'application/json',
        },
        ...(body && { body: JSON.stringify(body) }),
      })
      // biome-ignore lint/suspicious/noExplicitAny: answers of several shapes
      return { status: response.status, body: (await response.json()) as any }
    }
    const ada = await mintToken({ sub: 'ada', roles: ['admin', 'service'] })
    const make = async (name: string) =>
      (await ask(ada, 'POST /admin/keys', { name, roles: ['service'] })).body
    const [shop, old] = [await make('shop'), await make('old')]
    expect((await ask(ada, `DELETE /admin/keys/${old.id}`)).status).toBe(200)
    const read = (key: string) => ask(key, 'GET /transactions/balance?userId=ann')
    const last = shop.key.at(-1) === 'A' ? 'B' : 'A'
    for (const key of [UNKNOWN, old.key, shop.key.slice(0, -1) + last, 'lb_live_short']) {
      expect([key, (await read(key)).status]).toEqual([key, 401])
    }
    // Now also those who have a right one have to wait, as after tokens that are wrong.
    for (const key of [UNKNOWN, shop.key, ada]) {
      expect((await read(key)).body.code).toBe('rate_limited')
    }
    // Writes are counted by themselves.
    expect((await make('another')).key).toMatch(/^lb_live_/)
  })

  test('counts one that opens a stream, on every transport', async ({ server }) => {
    for (const how of TRANSPORTS) {
      const failure = await connectBy[how](server.url, UNKNOWN).failure
      expect([how, failure]).toEqual([
        how,
        expect.objectContaining(how === 'Socket.IO' ? { code: 'unauthorized' } : { status: 401 }),
      ])
    }
    const token = await mintToken({ sub: 'ann' })
    const response = await fetch(`${server.url}/balance/stream?token=${token}`)
    expect(response.status).toBe(429)
  })
})
