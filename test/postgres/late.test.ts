import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, onTestFinished, vi } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { ShutdownStack } from '../../src/lib/shutdown-stack.ts'
import { freePort } from '../../src/local/ports.ts'
import { startServer } from '../../src/start.ts'
import { test } from '../support/fixtures.ts'
import {
  describeWithPrivateRedis,
  eventually,
  mintToken,
  startConfiguredRedis,
  TEST_SECRET,
} from '../support/index.ts'
import { silent } from '../support/realtime/balance-server.ts'

/** Leads from a port, which was closed until then, to a Postgres. */
async function open(port: number, target: URL): Promise<void> {
  const server = createServer((client) => {
    const postgres = connect(Number(target.port), target.hostname)
    client.pipe(postgres).pipe(client)
    client.on('error', () => postgres.destroy()).on('close', () => postgres.destroy())
    postgres.on('error', () => client.destroy()).on('close', () => client.destroy())
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
}

/** The server as a process, whose database is not there. */
function withoutDatabase(databaseUrl: string, wait: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    env: {
      ...{ PATH: process.env.PATH, PORT: '0', HOST: '127.0.0.1', JWT_SECRET: TEST_SECRET },
      ...{ DATABASE_URL: databaseUrl, DATABASE_WAIT: wait },
    },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
  }
  return { child, output: () => text, ended: once(child, 'close') }
}

test('a server that is started first waits for its database, and says so once', async ({
  emptyDatabase: database,
}) => {
  const url = new URL(database.ownerUrl)
  const port = await freePort()
  const target = new URL(url)
  url.port = String(port)
  const warn = vi.fn()
  const info = vi.fn()
  const log = Object.assign(Object.create(silent), { warn, info })
  const releases = new ShutdownStack()
  onTestFinished(() => releases.run())
  const env = { DATABASE_URL: url.href, HOST: '127.0.0.1', PORT: '0', JWT_SECRET: TEST_SECRET }
  const started = startServer(parseConfig({ ...env, DRAIN_SECONDS: '0' }), log, releases)
  const text = 'The database does not answer yet: waiting for it (DATABASE_WAIT)'
  await eventually(() => expect(warn).toHaveBeenCalledWith(expect.anything(), text))
  expect(warn.mock.calls[0]?.[0]).toMatchObject({ code: 'ECONNREFUSED' })
  await open(port, target)
  const { address } = await started
  const ready = await fetch(`http://127.0.0.1:${(address as AddressInfo).port}/health/ready`)
  expect(ready.status).toBe(200)
  expect(warn.mock.calls.filter(([, said]) => said === text)).toHaveLength(1)
  expect(info).toHaveBeenCalledWith('The database answers')
})

test('the wait has an end, in one line and an exit code', async () => {
  const { output, ended } = withoutDatabase('postgres://me@127.0.0.1:1/mine', '0.6')
  expect(await ended).toEqual([1, null])
  const lines = output().trim().split('\n')
  expect(lines).toEqual([
    expect.stringContaining('"code":"ECONNREFUSED"'),
    'DATABASE_URL: no database answers at 127.0.0.1:1 (ECONNREFUSED)',
  ])
})

test('SIGTERM ends the wait at once', async () => {
  const { child, output, ended } = withoutDatabase('postgres://me@127.0.0.1:1/mine', '3600')
  await eventually(() => expect(output()).toContain('does not answer yet'))
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})

test('a wrong password is not waited for', async ({ emptyDatabase: database }) => {
  const url = new URL(database.ownerUrl)
  url.password = 'wrong'
  const { output, ended } = withoutDatabase(url.href, '3600')
  expect(await ended).toEqual([1, null])
  expect(output()).toMatch(
    /^DATABASE_URL: the database refuses: password authentication failed.*\n$/,
  )
})

describeWithPrivateRedis('a Redis that comes later than the server', () => {
  test('delays no start, is missed in one line, and is used once it is there', async ({
    database,
  }) => {
    const port = await freePort()
    const warn = vi.fn()
    const log = Object.assign(Object.create(silent), { warn })
    const releases = new ShutdownStack()
    onTestFinished(() => releases.run())
    const env = { DATABASE_URL: database.ownerUrl, REDIS_URL: `redis://127.0.0.1:${port}` }
    const own = { HOST: '127.0.0.1', PORT: '0', JWT_SECRET: TEST_SECRET, DRAIN_SECONDS: '0' }
    const { address } = await startServer(parseConfig({ ...env, ...own }), log, releases)
    const url = `http://127.0.0.1:${(address as AddressInfo).port}`
    const headers = { Authorization: `Bearer ${await mintToken({ sub: 'late' })}` }
    const cached = async () => {
      const response = await fetch(`${url}/transactions/balance/cached`, { headers })
      return [response.status, ((await response.json()) as { cached: boolean }).cached]
    }
    expect(await cached()).toEqual([200, false])
    // On a busy machine the event loop may be held up too, which is another line.
    const missed = () => warn.mock.calls.filter((line) => !/event loop/.test(String(line.at(-1))))
    await eventually(() => expect(missed()).toHaveLength(1))
    await startConfiguredRedis([], port)
    await eventually(async () => expect(await cached()).toEqual([200, true]))
    expect(missed()).toHaveLength(1)
  })
})
