import { expect } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { ShutdownStack } from '../../src/lib/shutdown-stack.ts'
import { ALL_SESSIONS, type Sql } from '../../src/postgres/database.ts'
import { startServer as start } from '../../src/start.ts'
import { flowOf, plainFlow } from '../support/e2e/main-flow.ts'
import { test as base } from '../support/fixtures.ts'
import { createEmptyDatabase, describeWithRedis, TEST_SECRET } from '../support/index.ts'
import { startLine } from '../support/postgres/start-line.ts'
import { silent } from '../support/realtime/balance-server.ts'

const nameOf = (url: string) => new URL(url).pathname.slice(1)

const set = async (owner: Sql, ...settings: string[]) => {
  const [row] = await owner<{ name: string }[]>`select current_database() as name`
  for (const setting of settings) {
    await owner.unsafe(`alter database ${row?.name} set ${setting}`)
  }
}

const test = base.extend('plain', { scope: 'file' }, plainFlow)

/** Settings for all sessions of a database. Those of a row have nothing to do with each other. */
const SETTINGS: Record<string, string[]> = {
  'Kolkata, with values written for people': [
    ...["timezone = 'Asia/Kolkata'", "datestyle = 'SQL, DMY'", "intervalstyle = 'sql_standard'"],
    ...['extra_float_digits = -15', "bytea_output = 'escape'", 'standard_conforming_strings = off'],
  ],
  'St. John’s, with values written for machines': [
    ...["timezone = 'America/St_Johns'", "datestyle = 'German, YMD'", "intervalstyle = 'iso_8601'"],
    ...['client_encoding = latin1', 'array_nulls = off', 'client_min_messages = debug1'],
  ],
  'no limit for anything': ['jit = on', 'jit_above_cost = 0', 'synchronous_commit = off'],
  'limits for every statement': [
    ...["statement_timeout = '20ms'", "lock_timeout = '1ms'", "idle_session_timeout = '5ms'"],
    ...["idle_in_transaction_session_timeout = '1ms'", "work_mem = '64kB'"],
  ],
  'strict transactions': [
    ...['default_transaction_isolation = serializable', 'default_transaction_deferrable = on'],
    ...['row_security = off', 'transform_null_equals = on', 'quote_all_identifiers = on'],
  ],
  'plans of its own': [
    ...[
      'plan_cache_mode = force_generic_plan',
      'enable_indexscan = off',
      'enable_bitmapscan = off',
    ],
    ...['join_collapse_limit = 1', 'from_collapse_limit = 1', 'constraint_exclusion = on'],
  ],
  'a search path without public': ['search_path = pg_catalog'],
}

describeWithRedis('the main flow gives the same answers on a database', () => {
  test.for(Object.entries(SETTINGS))(
    'with %s',
    async ([, settings], { plain, emptyDatabase: database, emptyOwner: owner }) => {
      await set(owner, ...settings)
      expect(await flowOf(database.ownerUrl)).toEqual(plain)
    },
  )

  test('with another schema in front of public, which has tables and functions of our names', async ({
    plain,
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await set(owner, 'search_path = hostile, public')
    await owner.unsafe(`
      create schema hostile;
      create table hostile.schema_files (x int);
      create table hostile.transactions (x int);
      create table hostile.meta (x int);
      create function hostile.uuid_at(timestamptz) returns uuid language sql as 'select null::uuid'`)
    expect(await flowOf(database.ownerUrl)).toEqual(plain)
  })

  test.for([
    "locale_provider icu icu_locale 'tr-TR' locale 'C'",
    "locale_provider icu icu_locale 'und-u-ka-shifted-kn' locale 'C.UTF-8'",
    "locale_provider libc locale 'C'",
  ])('that sorts by %s', async (collation, { plain }) => {
    const database = await createEmptyDatabase({ encoding: 'UTF8', collation })
    try {
      expect(await flowOf(database.ownerUrl)).toEqual(plain)
    } finally {
      await database.drop()
    }
  })

  test('behind a pooler, whose sessions have the settings of the database', async ({
    plain,
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await set(
      owner,
      ...["timezone = 'Asia/Kolkata'", "datestyle = 'SQL, DMY'", "bytea_output = 'escape'"],
      ...["intervalstyle = 'iso_8601'", 'extra_float_digits = -15', 'transform_null_equals = on'],
      ...['standard_conforming_strings = off', 'default_transaction_isolation = serializable'],
      ...["lock_timeout = '1ms'", "statement_timeout = '300ms'"],
    )
    expect(await flowOf(`${database.ownerUrl}?pgbouncer=true`)).toEqual(plain)
  })
})

const LINES: [what: string, settings: string[], parameters: string, line: string][] = [
  [
    'that is read-only',
    ['default_transaction_read_only = on'],
    '',
    'DATABASE_URL: Postgres is read-only',
  ],
  [
    'behind a pooler, with a search path without public',
    ["search_path = 'mine'"],
    '?pgbouncer=true',
    'DATABASE_URL: search_path is mine, and the ledger is in the schema public: alter role … set search_path = public',
  ],
]

test.for(LINES)(
  'a start ends in one line on a database %s',
  async ([, settings, parameters, line], { emptyDatabase: database, emptyOwner: owner }) => {
    await set(owner, ...settings)
    expect(await startLine({ DATABASE_URL: database.ownerUrl + parameters })).toBe(line)
  },
)

test('a start ends in one line on a database whose schema public is gone', async ({
  emptyDatabase: database,
  emptyOwner: owner,
}) => {
  await owner`drop schema public`
  expect(await startLine({ DATABASE_URL: database.ownerUrl })).toBe(
    'DATABASE_URL: there is no schema public that this user may use',
  )
})

test.for(['LATIN1', 'SQL_ASCII'])(
  'a start ends in one line on a database in %s',
  async (encoding) => {
    const database = await createEmptyDatabase({ encoding })
    try {
      expect(await startLine({ DATABASE_URL: database.ownerUrl })).toBe(
        `DATABASE_URL: the encoding of this database is ${encoding}, and UTF8 is needed`,
      )
    } finally {
      await database.drop()
    }
  },
)

test('a login that may create nothing in public is told in one line', async ({
  emptyDatabase: database,
  emptyOwner: owner,
}) => {
  const login = `guest_${nameOf(database.ownerUrl)}`
  await owner.unsafe(`create role ${login} login password 'plain'`)
  const url = new URL(database.ownerUrl)
  Object.assign(url, { username: login, password: 'plain' })
  expect(await startLine({ DATABASE_URL: url.href })).toBe(
    'DATABASE_URL: the database is not up to date, and this user may not change that: run `livebalance migrate` as its owner',
  )
})

test('a commit that a crash may lose, and too few connections, are told at the start', async ({
  emptyDatabase: database,
  emptyOwner: owner,
}) => {
  const name = nameOf(database.ownerUrl)
  await set(owner, 'synchronous_commit = off')
  await owner.unsafe(`alter database ${name} connection limit 4`)
  await owner.unsafe(`create role few_${name} login password 'plain'`)
  await owner.unsafe(`alter database ${name} owner to few_${name}`)
  const url = new URL(database.ownerUrl)
  Object.assign(url, { username: `few_${name}`, password: 'plain' })
  const said: unknown[] = []
  const log = Object.assign(Object.create(silent), {
    warn: (...args: unknown[]) => said.push(args),
  })
  const releases = new ShutdownStack()
  const env = { DATABASE_URL: url.href, HOST: '127.0.0.1', PORT: '0' }
  await start(parseConfig({ ...env, JWT_SECRET: TEST_SECRET }), log, releases)
  await releases.run()
  await owner.unsafe(`drop owned by few_${name} cascade`)
  expect(said.flat()).toEqual(
    expect.arrayContaining([
      expect.stringContaining('synchronous_commit is off'),
      expect.stringContaining(
        `gives this login 4 connections, and a server opens up to ${ALL_SESSIONS}`,
      ),
    ]),
  )
})
