import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type EmbeddedPostgres, startPostgres } from '../../src/local/postgres.ts'
import {
  describeWithPrivateRedis,
  eventually,
  mintToken,
  type PrivateRedis,
  startPrivateRedis,
} from '../support/index.ts'
import { type Booted, bootServer } from '../support/observability/booted.ts'
import { scrape } from '../support/observability/scrape.ts'

describeWithPrivateRedis('a server whose Redis, and then whose Postgres, is killed', () => {
  let redis: PrivateRedis
  let postgres: EmbeddedPostgres
  let server: Booted
  beforeAll(async () => {
    const log = pino({ level: 'silent' })
    const dataDir = await mkdtemp(join(inject('runFolder'), 'outage-'))
    ;[redis, postgres] = await Promise.all([startPrivateRedis(), startPostgres({ dataDir, log })])
    server = await bootServer({ DATABASE_URL: postgres.ownerUrl, REDIS_URL: redis.url })
  })
  afterAll(async () => {
    await server.close().catch(() => {})
    await Promise.all([redis.close(), postgres.close()])
  })

  const health = async (which: string) => {
    const response = await fetch(`${server.url}/health/${which}`)
    return { code: response.status, ...((await response.json()) as object) }
  }

  const adjust = async () => {
    const token = await mintToken({ sub: 'ada', roles: ['admin'] })
    const response = await fetch(`${server.url}/transactions/adjustment`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ userId: 'alice', amount: 1, description: 'a gift' }),
    })
    return response.status
  }

  test('while Redis is unavailable it is ready, and its metrics say what is missing', async () => {
    await eventually(async () => expect((await health('ready')).code).toBe(200))
    await eventually(async () => {
      expect(await scraped('livebalance_redis_link', { state: 'live' })).toBe(1)
    })
    expect(await adjust()).toBe(201)
    await redis.kill()
    await eventually(async () => {
      expect(await scraped('livebalance_redis_link', { state: 'disconnected' })).toBe(1)
    })
    expect(await adjust()).toBe(201)
    expect(await health('ready')).toMatchObject({
      status: 'ready',
      checks: { stream: { ok: true, reason: expect.any(String) }, migrations: { ok: true } },
    })
    // A reading of the outbox is valid for two seconds.
    await eventually(
      async () => {
        expect(await scraped('livebalance_outbox_rows')).toBe(1)
        expect(await scraped('livebalance_outbox_oldest_seconds')).toBeGreaterThan(0)
      },
      { timeout: 10_000 },
    )
  })

  test('while Postgres is unavailable it is live, not ready, and a scrape is answered', async () => {
    // Like kill -9 of all its processes: nothing is finished, no connection is closed properly.
    process.kill(postgres.pid, 'SIGQUIT')
    await eventually(
      async () => {
        expect(await health('ready')).toMatchObject({
          status: 'not ready',
          checks: { postgres: { ok: false, reason: 'Postgres does not answer' } },
        })
        const { value } = await scrape(server.url)
        expect(value('livebalance_postgres_up')).toBe(0)
        expect(value('livebalance_outbox_rows')).toBeUndefined()
        expect(value('livebalance_connections', { transport: 'sse' })).toBe(0)
      },
      { timeout: 10_000 },
    )
    expect(await health('live')).toMatchObject({ status: 'live' })
  })

  async function scraped(name: string, labels?: Record<string, string>) {
    return (await scrape(server.url)).value(name, labels)
  }
})
