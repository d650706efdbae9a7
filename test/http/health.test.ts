import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { EventLoopWatch } from '../../src/observability/event-loop-watch.ts'
import { createLivenessCheck, createReadinessCheck } from '../../src/observability/health.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { SchemaCheck } from '../../src/postgres/schema-check.ts'
import type { HubHealth } from '../../src/realtime/stream/hub.ts'
import { edge } from '../support/http/stub.ts'
import { createDatabase, eventually, type TestDatabase } from '../support/index.ts'

describe('/health/live', () => {
  function watching() {
    const lines: unknown[] = []
    const watch = new EventLoopWatch({
      log: { warn: (...line: unknown[]) => void lines.push(line) },
      beatEveryMs: 20,
      rememberMs: 1_500,
    })
    onTestFinished(() => watch.close())
    return { watch, lines }
  }

  function block(milliseconds: number) {
    const end = performance.now() + milliseconds
    while (performance.now() < end);
  }

  test('says how long the event loop was held up, and forgets it', async () => {
    const { watch, lines } = watching()
    block(1_200)
    // Before any timer could run: the delay that is still going on counts.
    expect(watch.longestMs).toBeGreaterThan(1_000)
    await eventually(() => expect(lines).toHaveLength(1))
    expect(watch.longestMs).toBeGreaterThan(1_000)
    await eventually(() => expect(watch.longestMs).toBeLessThan(1_000))
  })

  test('is 503 with the reason after seconds without a turn, else 200', async () => {
    const ask = async (longestMs: number) => {
      const { app } = edge({ liveness: createLivenessCheck({ longestMs }) })
      const response = await app.request('/health/live')
      return { status: response.status, body: await response.json() }
    }
    expect(await ask(800)).toEqual({
      status: 200,
      body: { status: 'live', checks: { eventLoop: { ok: true } } },
    })
    expect(await ask(4_000)).toEqual({
      status: 503,
      body: {
        status: 'not live',
        checks: { eventLoop: { ok: false, reason: 'the event loop was held up for 4.0 s' } },
      },
    })
  })
})

describe('/health/ready', () => {
  let database: TestDatabase
  let owner: Sql
  let sql: Sql
  let schema: SchemaCheck
  beforeAll(async () => {
    database = await createDatabase()
    owner = connect(database.ownerUrl, { max: 1 })
    sql = connect(database.appUrl, { max: 2 })
    const [meta] = await owner<{ epoch: string }[]>`select epoch from meta`
    schema = new SchemaCheck(sql, meta?.epoch ?? '')
  })
  afterAll(async () => {
    await Promise.all([owner.end(), sql.end({ timeout: 1 })])
    await database.drop()
  })

  const ask = async (health: HubHealth | { state: 'draining'; reason: string }) => {
    const { app } = edge({ readiness: createReadinessCheck(schema, { health }) })
    const response = await app.request('/health/ready')
    const body = (await response.json()) as { checks: Record<string, unknown> }
    return { status: response.status, body }
  }
  const well = { ok: true }
  const all = { postgres: well, migrations: well, stream: well, process: well }

  test('is 200 while all is well, and while Redis alone is away', async () => {
    expect(await ask({ state: 'live' })).toEqual({
      status: 200,
      body: { status: 'ready', checks: all },
    })
    const stream = { ok: true, reason: 'no connection' }
    expect(await ask({ state: 'disconnected', reason: 'no connection' })).toEqual({
      status: 200,
      body: { status: 'ready', checks: { ...all, stream } },
    })
  })

  test.each<[HubHealth, string]>([
    [{ state: 'stalled', reason: 'nothing comes back' }, 'nothing comes back'],
    [{ state: 'reconciling' }, 'comparing the streams with Postgres'],
  ])('is 503 while the stream is %o', async (health, reason) => {
    expect(await ask(health)).toEqual({
      status: 503,
      body: { status: 'not ready', checks: { ...all, stream: { ok: false, reason } } },
    })
  })

  test('is 503 while the process drains', async () => {
    const answer = await ask({ state: 'draining', reason: 'the server is restarting' })
    expect(answer.status).toBe(503)
    expect(answer.body.checks.process).toEqual({ ok: false, reason: 'the server is restarting' })
  })

  test('is 503 on a database that is older than the program, or another one', async () => {
    const migrations = async () => (await ask({ state: 'live' })).body.checks.migrations
    const name = 'migrations/0001_ledger.sql'
    const [kept] = await owner<{ checksum: string }[]>`
      delete from schema_files where name = ${name} returning checksum`
    expect(await migrations()).toEqual({
      ok: false,
      reason: `the database is older than this version: it lacks ${name}`,
    })
    await owner`insert into schema_files (name, checksum) values (${name}, 'of another text')`
    expect(await migrations()).toEqual({
      ok: false,
      reason: `${name} is another one in the database`,
    })
    await owner`update schema_files set checksum = ${kept?.checksum ?? ''} where name = ${name}`
    expect(await migrations()).toEqual({ ok: true })

    const replaced = 'functions/ledger_apply.sql'
    const [rules] = await owner<{ checksum: string }[]>`
      select checksum from schema_files where name = ${replaced}`
    await owner`update schema_files set checksum = 'of another text' where name = ${replaced}`
    expect(await migrations()).toEqual({
      ok: false,
      reason: `${replaced} is another one in the database`,
    })
    const [revision] = await owner<{ checksum: string }[]>`
      select checksum from schema_files where name = 'revision'`
    await owner`update schema_files set checksum = '999999' where name = 'revision'`
    expect(await migrations()).toEqual({
      ok: true,
      reason: 'the database is newer than this version: it has other functions',
    })
    await owner`
      update schema_files set checksum = ${revision?.checksum ?? ''} where name = 'revision'`
    await owner`update schema_files set checksum = ${rules?.checksum ?? ''} where name = ${replaced}`
    expect(await migrations()).toEqual({ ok: true })

    // A newer version began to replace this one: until it has, this one serves on.
    await owner`insert into schema_files (name, checksum) values ('migrations/9999_next.sql', 'x')`
    expect((await ask({ state: 'live' })).status).toBe(200)
    expect(await migrations()).toEqual({
      ok: true,
      reason: 'the database is newer than this version: it has migrations/9999_next.sql',
    })

    await owner`update meta set epoch = 'another'`
    expect(await migrations()).toEqual({
      ok: false,
      reason: 'the database was replaced: restart this process',
    })
    await owner`alter table schema_files rename to gone`
    expect(await migrations()).toEqual({ ok: false, reason: 'the database has no ledger in it' })
  })
})
