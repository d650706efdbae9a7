import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { type AddressInfo, connect as connectTo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, inject } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { eventually } from '../support/index.ts'
import { type Replicated, test } from '../support/postgres/replicated.ts'
import { startLine } from '../support/postgres/start-line.ts'

const running = new URL(inject('serverUrls').app)
const login = `${running.username}:${running.password}`

const servers: Server[] = []
const pools: Sql[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((sql) => sql.end({ timeout: 0 })))
  for (const server of servers.splice(0)) server.close()
})

function open(url: string, max = 1): Sql {
  const sql = connect(url, { max })
  pools.push(sql)
  return sql
}

/** The Postgres of these tests, at another address. */
async function at(listen: (server: Server) => Server): Promise<Server> {
  const server = listen(
    createServer((socket) => {
      const postgres = connectTo(Number(running.port), running.hostname)
      socket.pipe(postgres).pipe(socket)
      socket.on('error', () => postgres.destroy())
      postgres.on('error', () => socket.destroy())
    }),
  )
  servers.push(server)
  await once(server, 'listening')
  return server
}

/** Where nobody listens, and how often somebody has tried: each attempt is closed at once. */
async function closing() {
  const attempts = { count: 0 }
  const server = createServer((socket) => {
    attempts.count += 1
    socket.destroy()
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return { attempts, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const answers = async (url: string) => {
  expect(await open(url)`select current_database() as name`).toEqual([
    { name: running.pathname.slice(1) },
  ])
}

test('an IPv6 address in brackets is connected to', async () => {
  const server = await at((server) => server.listen(0, '::1'))
  const { port } = server.address() as AddressInfo
  await answers(`postgres://${login}@[::1]:${port}${running.pathname}`)
})

test('a folder with a socket file is connected to, as host and as parameter', async () => {
  // The path of a socket may have 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'pg-'))
  await at((server) => server.listen(join(folder, '.s.PGSQL.6543')))
  await answers(`postgres://${login}@${encodeURIComponent(folder)}:6543${running.pathname}`)
  await answers(`postgresql://${login}@${running.pathname}?host=${folder}&port=6543`)
  await answers(
    `postgres:///${running.pathname.slice(1)}?host=${folder}&port=6543&user=${running.username}&password=${running.password}`,
  )
  const missing = `postgres:///x?host=${folder}&port=1&user=u`
  expect(await startLine({ DATABASE_URL: missing })).toMatch(
    /^DATABASE_URL: no database answers at \S+\.s\.PGSQL\.1 \(ENOENT\)$/,
  )
})

test('variables of libpq do not lead elsewhere', async () => {
  const stolen = {
    PGHOST: '/nowhere',
    PGPORT: '1',
    PGUSER: 'x',
    PGDATABASE: 'x',
    PGSSL: 'true',
    PGTARGETSESSIONATTRS: 'standby',
    PGMAX: '0',
  }
  Object.assign(process.env, stolen)
  try {
    await answers(running.href)
  } finally {
    for (const name of Object.keys(stolen)) delete process.env[name]
  }
})

test('of several hosts the first that answers is used', async () => {
  const { address } = await closing()
  const gone = '127.0.0.1:1'
  await answers(`postgres://${login}@${gone},${running.host}${running.pathname}`)
  // A host that accepts and closes is no Postgres, which only shows later.
  await expect(
    open(`postgres://${login}@${address}${running.pathname}`)`select 1`,
  ).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
})

test('where all hosts are down, a query is rejected after one attempt at each', async () => {
  const [first, second] = [await closing(), await closing()]
  const sql = open(
    `postgres://${login}@${first.address},${second.address}/x?target_session_attrs=read-write`,
  )
  await expect(sql`select 1`).rejects.toMatchObject({
    code: 'CONNECTION_CLOSED',
    syscall: 'connect',
  })
  expect([first.attempts.count, second.attempts.count]).toEqual([1, 1])
  const down = open(`postgres://${login}@127.0.0.1:1,127.0.0.1:2/x`)
  await expect(down`select 1`).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(await startLine({ DATABASE_URL: `postgres://${login}@127.0.0.1:1,127.0.0.1:2/x` })).toBe(
    'DATABASE_URL: no database answers at 127.0.0.1:2 (ECONNREFUSED)',
  )
})

describe('a primary and a standby', () => {
  // It takes longer to start than a test may last.
  test.beforeAll(({ pair: _started }) => {}, 120_000)

  const both = (pair: Replicated, attributes: string) => {
    const [one, other] = [pair.urlOf(pair.standby.port), pair.urlOf(pair.primary.port)].map(
      (url) => new URL(url),
    )
    return `postgres://${one?.username}:${one?.password}@${one?.host},${other?.host}/ledger?target_session_attrs=${attributes}`
  }
  const isStandby = async (sql: Sql) =>
    (await sql<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`)[0]?.standby

  test.for([
    ['read-write', false],
    ['primary', false],
    ['standby', true],
    ['read-only', true],
    ['prefer-standby', true],
    ['any', true],
  ] as const)('target_session_attrs=%s', async ([attributes, standby], { pair }) => {
    expect(await isStandby(open(both(pair, attributes)))).toBe(standby)
  })

  test('no server that fits ends the start in one line', async ({ pair }) => {
    const url = `${pair.urlOf(pair.standby.port)}?target_session_attrs=primary`
    await expect(open(url)`select 1`).rejects.toMatchObject({ code: 'NO_FIT_SERVER' })
    expect(await startLine({ DATABASE_URL: url })).toBe(
      'DATABASE_URL: no server is primary (target_session_attrs)',
    )
  })

  test('a pool follows the primary when the standby takes over', async ({ pair }) => {
    const sql = open(both(pair, 'read-write'), 2)
    expect(await isStandby(sql)).toBe(false)
    await pair.standbyHasAll()
    await pair.killPrimary()
    await expect(sql`select 1`).rejects.toThrow()
    const standby = open(pair.urlOf(pair.standby.port))
    await standby`select pg_promote(wait => true)`
    await eventually(async () => {
      const [row] =
        await sql`select pg_is_in_recovery() as standby, current_setting('transaction_read_only') as "readOnly"`
      expect(row).toEqual({ standby: false, readOnly: 'off' })
    })
  })
})
