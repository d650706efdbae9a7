import { Redis } from 'ioredis'
import postgres from 'postgres'
import { expect, onTestFinished } from 'vitest'
import type { BalanceInitial } from '../../src/client/index.ts'
import { EventStreamParser } from '../../src/client/transports/sse.ts'
import { livebalance } from '../support/cli/livebalance.ts'
import { type CliServer, startServer } from '../support/cli/server.ts'
import { test as base } from '../support/fixtures.ts'
import { describeWithRedis, eventually, mintToken, redisUrl } from '../support/index.ts'

const ALICE = 'restored-alice'
/** Has money only after the backup. */
const BOB = 'restored-bob'

const test = base
  .extend('redis', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = new Redis(redisUrl())
    onCleanup(() => redis.quit().then(() => {}))
    return redis
  })
  /** Runs statements on the cluster of the database, outside of it. */
  .extend('administer', ({ database }) => async (...statements: string[]) => {
    const url = new URL(database.ownerUrl)
    url.pathname = '/postgres'
    const sql = postgres(url.href, { max: 1, onnotice: () => {} })
    for (const statement of statements) await sql.unsafe(statement)
    await sql.end()
  })
  .extend('drop', ({ administer }) => (name: string) => {
    return administer(`drop database if exists ${name} with (force)`)
  })
  /** Makes database `to` what `from` is now, as a restored base backup is: to the last byte. */
  .extend('copy', ({ administer, drop }) => async (from: string, to: string) => {
    await drop(to)
    await administer(`create database ${to} template ${from}`)
  })

describeWithRedis('a database that is restored to an earlier point', () => {
  const give = (server: CliServer, userId: string, amount: number) =>
    server.post('ada', '/transactions/adjustment', { userId, amount, description: 'restore' }, [
      'admin',
    ])

  /** What a connection is told first. */
  async function connect(server: CliServer, lastEventId?: string): Promise<BalanceInitial> {
    const token = await mintToken({ sub: ALICE })
    const abort = new AbortController()
    onTestFinished(() => abort.abort())
    const response = await fetch(`${server.url}/balance/stream`, {
      signal: abort.signal,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(lastEventId && { 'Last-Event-ID': lastEventId }),
      },
    })
    const reader = response.body?.getReader()
    const decoder = new TextDecoder()
    let told: BalanceInitial | undefined
    const parser = new EventStreamParser(({ event, data }) => {
      if (event === 'balance_initial') told ??= JSON.parse(data)
    })
    while (!told) {
      const { value } = (await reader?.read()) ?? {}
      if (!value) throw new Error('the stream ended')
      parser.push(decoder.decode(value, { stream: true }))
    }
    return told
  }

  test('has a new epoch after `epoch renew`: old ids are not resumed from, and the cache is dropped', async ({
    database,
    redis,
    copy,
    drop,
  }) => {
    const name = new URL(database.ownerUrl).pathname.slice(1)
    const backup = `${name}_backup`
    const env = { DATABASE_URL: database.ownerUrl }
    const run = () => startServer(database.ownerUrl, redisUrl())

    let server = await run()
    await give(server, ALICE, 50)
    await server.close()
    await copy(name, backup)
    onTestFinished(() => drop(backup))

    server = await run()
    await give(server, ALICE, 30)
    await give(server, BOB, 20)
    const lost = await connect(server)
    expect(lost).toMatchObject({ balance: 80 })
    expect((await connect(server, lost.id)).recovered).toBe(true)
    expect(await redis.get(`balance:user:${ALICE}`)).toBe('80')
    expect(await redis.get(`balance:user:${BOB}`)).toBe('20')
    await server.close()

    await copy(backup, name)
    const { code, stdout } = await livebalance(env, 'epoch', 'renew', '--json')
    const { epoch } = JSON.parse(stdout)
    expect([code, lost.id.startsWith(epoch)]).toEqual([0, false])
    expect((await livebalance(env, 'audit')).code).toBe(0)

    server = await run()
    onTestFinished(() => server.close())
    await eventually(async () => expect(await redis.get(`balance:user:${BOB}`)).toBeNull())
    // Its seq is that of the change that was lost.
    await give(server, ALICE, 7)
    const back = await connect(server, lost.id)
    expect(back).toMatchObject({ balance: 57, seq: lost.seq, recovered: false })
    expect(back.id).toBe(`${epoch}:${lost.seq}`)
    await eventually(async () => expect(await redis.get(`balance:user:${ALICE}`)).toBe('57'))
  })
})
