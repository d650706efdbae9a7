import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test as base, expect, inject } from 'vitest'
import { startPostgres } from '../../src/local/postgres.ts'
import { connect } from '../../src/postgres/database.ts'
import { eventually } from '../support/index.ts'
import { silent } from '../support/ledger/sample.ts'
import { expectReconnects } from '../support/postgres/broken.ts'
import { startLine } from '../support/postgres/start-line.ts'

const test = base
  .extend('server', { scope: 'file' }, async ({}, { onCleanup }) => {
    const dataDir = join(mkdtempSync(join(inject('runFolder'), 'tls-')), 'data')
    const server = await startPostgres({ dataDir, log: silent })
    onCleanup(() => server.close())
    return server
  })
  .extend('owner', { scope: 'file' }, ({ server }, { onCleanup }) => {
    const owner = connect(server.ownerUrl, { max: 1 })
    onCleanup(() => owner.end())
    return owner
  })
  /** The server's own certificate, which is its authority's too. From here on the server speaks TLS. */
  .extend('certificate', { scope: 'file', auto: true }, async ({ server, owner }) => {
    const [key, certificate] = ['key.pem', 'cert.pem'].map((name) =>
      join(server.dataDir, '..', name),
    ) as [string, string]
    const args =
      'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=livebalance.test -addext subjectAltName=DNS:localhost -keyout'
    execFileSync('openssl', [...args.split(' '), key, '-out', certificate], { stdio: 'ignore' })
    // Written by Postgres, because only its account may own its key.
    for (const [name, path] of [
      ['server.key', key],
      ['server.crt', certificate],
    ] as const) {
      const lines = readFileSync(path, 'utf8').trim()
      const written = join(server.dataDir, 'postgres', 'data', name)
      await owner.unsafe(`copy (select string_to_table('${lines}', E'\\n')) to '${written}'`)
      chmodSync(written, 0o600)
    }
    await owner.unsafe('alter system set ssl = on')
    await owner`select pg_reload_conf()`
    await eventually(async () => {
      const sql = connect(`${server.appUrl}?sslmode=require`, { max: 1 })
      try {
        await sql`select 1`
      } finally {
        await sql.end()
      }
    })
    return certificate
  })

test('a connection by TLS is by TLS, and is opened again at once after it was ended', async ({
  server,
  owner,
}) => {
  const url = `${server.appUrl}?sslmode=require`
  const sql = connect(url, { max: 1 })
  expect(await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`).toEqual([
    { ssl: true },
  ])
  await sql.end()
  await expectReconnects(url, owner)
})

test('what is longer than any buffer goes both ways by TLS, and is whole', async ({ server }) => {
  const sql = connect(`${server.appUrl}?sslmode=require`, { max: 1 })
  const text = 'x'.repeat(5_000_000)
  const [row] = await sql<{ text: string }[]>`select ${text}::text || 'y' as text`
  expect(row?.text === `${text}y`).toBe(true)
  await sql.end()
})

test('a server that never says whether it speaks TLS is given up, and hung up on', async () => {
  const silence = createServer()
  await once(silence.listen(0, '127.0.0.1'), 'listening')
  const { port } = silence.address() as AddressInfo
  const met = once(silence, 'connection') as Promise<[Socket]>
  const sql = connect(`postgres://u:p@127.0.0.1:${port}/d?sslmode=require`, { max: 1 })
  const asked = expect(sql`select 1`).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' })
  const [socket] = await met
  socket.resume()
  await Promise.all([once(socket, 'close'), asked])
  await sql.end({ timeout: 0 })
  silence.close()
})

test('a certificate that nobody vouches for is refused where one is asked for', async ({
  server,
}) => {
  const sql = connect(`${server.appUrl}?sslmode=verify-full`, { max: 1 })
  await expect(sql`select 1`).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  await sql.end({ timeout: 0 })
})

const isSecure = async (url: string) => {
  const sql = connect(url, { max: 1 })
  try {
    const [row] = await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`
    return row?.ssl
  } finally {
    await sql.end({ timeout: 1 })
  }
}

test('a private authority is trusted where sslrootcert names it, for the names of its certificate', async ({
  server,
  certificate,
}) => {
  const named = server.appUrl.replace('127.0.0.1', 'localhost')
  expect(await isSecure(`${named}?sslmode=verify-full&sslrootcert=${certificate}`)).toBe(true)
  const other = `${server.appUrl}?sslmode=verify-full&sslrootcert=${certificate}`
  await expect(isSecure(other)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  expect(await startLine({ DATABASE_URL: other })).toMatch(
    /^DATABASE_URL: TLS with the database failed: [^\n]* \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
  )
  expect(await isSecure(`${server.appUrl}?sslmode=verify-ca&sslrootcert=${certificate}`)).toBe(true)
})

test('channel_binding=require proves the certificate in its stead', async ({ server }) => {
  const url = `${server.appUrl}?sslmode=require&channel_binding=require`
  await expect(isSecure(url)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
})

test('sslmode=prefer takes TLS where the server speaks it', async ({ server }) => {
  expect(await isSecure(`${server.appUrl}?sslmode=prefer`)).toBe(true)
  expect(await isSecure(`${inject('serverUrls').app}?sslmode=prefer`)).toBe(false)
})

test('sslnegotiation=direct speaks TLS from the first byte', async ({ server }) => {
  expect(await isSecure(`${server.appUrl}?sslmode=require&sslnegotiation=direct`)).toBe(true)
})

test('a server that speaks no TLS is refused where TLS is asked for', async () => {
  const sql = connect(`${inject('serverUrls').app}?sslmode=require`, { max: 1 })
  await expect(sql`select 1`).rejects.toMatchObject({ code: 'NO_TLS' })
  await sql.end({ timeout: 0 })
})

test('a server that is away is known not to have been asked', async ({ server }) => {
  const url = new URL(`${server.appUrl}?sslmode=require`)
  url.port = '1'
  const sql = connect(url.href, { max: 1 })
  await expect(sql`select 1`).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await sql.end({ timeout: 0 })
})
