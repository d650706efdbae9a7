import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, inject } from 'vitest'
import { startPostgres } from '../../src/local/postgres.ts'
import { describeWithPrivateRedis, eventually, mintToken } from '../support/index.ts'
import { type Booted, bootServer } from '../support/observability/booted.ts'
import { scrape } from '../support/observability/scrape.ts'
import { test as base } from '../support/realtime/private-redis.ts'

const test = base
  .extend('postgres', { scope: 'file' }, async ({}, { onCleanup }) => {
    const dataDir = await mkdtemp(join(inject('runFolder'), 'outage-'))
    const postgres = await startPostgres({ dataDir, log: pino({ level: 'silent' }) })
    onCleanup(() => postgres.close())
    return postgres
  })
  .extend('server', { scope: 'file' }, async ({ postgres, redis }, { onCleanup }) => {
    const server = await bootServer({ DATABASE_URL: postgres.ownerUrl, REDIS_URL: redis.url })
    onCleanup(() => server.close().catch(() => {}))
    return server
  })

describeWithPrivateRedis('a server whose Redis, and then whose Postgres, is killed', () => {
  const health = async (server: Booted, which: string) => {
    const response = await fetch(`${server.url}/health/${which}`)
    return { code: response.status, ...((await response.json()) as object) }
  }

  const adjust = async (server: Booted) => {
    const token = await mintToken({ sub: 'ada', roles: ['admin'] })
    const response = await fetch(`${server.url}/transactions/adjustment`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ userId: 'alice', amount: 1, description: 'a gift' }),
    })
    return response.status
  }

  test('while Redis is unavailable it is ready, and its metrics say what is missing', async ({
    redis,
    server,
  }) => {
    await eventually(async () => expect((await health(server, 'ready')).code).toBe(200))
    await eventually(async () => {
      expect(await scraped(server, 'livebalance_redis_link', { state: 'live' })).toBe(1)
    })
    expect(await adjust(server)).toBe(201)
    await redis.kill()
    await eventually(async () => {
      expect(await scraped(server, 'livebalance_redis_link', { state: 'disconnected' })).toBe(1)
    })
    expect(await adjust(server)).toBe(201)
    expect(await health(server, 'ready')).toMatchObject({
      status: 'ready',
      checks: { stream: { ok: true, reason: expect.any(String) }, migrations: { ok: true } },
    })
    // A reading of the outbox is valid for two seconds.
    await eventually(async () => {
      expect(await scraped(server, 'livebalance_outbox_rows')).toBe(1)
      expect(await scraped(server, 'livebalance_outbox_oldest_seconds')).toBeGreaterThan(0)
    })
  })

  test('while Postgres is unavailable it is live, not ready, and a scrape is answered', async ({
    postgres,
    server,
  }) => {
    const opal = await mintToken({ sub: 'opal', roles: ['operator'] })
    const platform = async (path: string, body: object) => {
      const headers = { Authorization: `Bearer ${opal}`, 'Content-Type': 'application/json' }
      const init = { method: 'POST', headers, body: JSON.stringify(body) }
      return (await fetch(`${server.url}/platform/${path}`, init)).json() as Promise<{
        key: string
      }>
    }
    await platform('tenants', { id: 'open', name: 'Open', rateLimits: { writes: 1 } })
    await platform('tenants', { id: 'shut', name: 'Shut' })
    await platform('tenants/shut/suspend', {})
    const { key } = await platform('keys', { tenant: 'open', name: 'shop', roles: ['service'] })
    // Like kill -9 of all its processes: nothing is finished, no connection is closed properly.
    process.kill(postgres.pid, 'SIGQUIT')
    await eventually(async () => {
      expect(await health(server, 'ready')).toMatchObject({
        status: 'not ready',
        checks: { postgres: { ok: false, reason: 'Postgres does not answer' } },
      })
      const { value } = await scrape(server.url)
      expect(value('livebalance_postgres_up')).toBe(0)
      expect(value('livebalance_outbox_rows')).toBeUndefined()
      expect(value('livebalance_connections', { transport: 'sse' })).toBe(0)
    })
    expect(await health(server, 'live')).toMatchObject({ status: 'live' })

    // What was last known of tenants and keys holds.
    const ask = async (token: string) => {
      const headers = { Authorization: `Bearer ${token}` }
      const answer = await fetch(`${server.url}/transactions/topup/x/cancel`, {
        ...{ method: 'POST', headers },
      })
      return [answer.status, ((await answer.json()) as { code: string }).code]
    }
    const unavailable = [503, 'unavailable']
    expect(await ask(await mintToken({ sub: 'ann', tenant: 'shut' }))).toEqual([
      ...[403, 'tenant_suspended'],
    ])
    expect((await ask(key))[0]).toBe(400)
    expect(await ask(key)).toEqual([429, 'rate_limited'])
    // A key that is not known may have been made just before.
    expect(await ask(`lb_live_${'0'.repeat(12)}${'A'.repeat(43)}`)).toEqual(unavailable)
  })

  async function scraped(server: Booted, name: string, labels?: Record<string, string>) {
    return (await scrape(server.url)).value(name, labels)
  }
})
