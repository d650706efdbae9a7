import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, expect, onTestFinished } from 'vitest'
import { test } from '../support/fixtures.ts'
import {
  describeWithPrivateRedis,
  describeWithRedis,
  eventually,
  mintToken,
  redisUrl,
  startConfiguredRedis,
  TEST_SECRET,
} from '../support/index.ts'

const ROOT = process.geteuid?.() === 0

/** Makes the root file system read-only for one process. */
const READ_ONLY = ['unshare', '-m', 'sh', '-c', 'mount -o remount,bind,ro / && exec "$@"', 'sh']

const canRemount = () => {
  const [program = '', ...args] = READ_ONLY
  return spawnSync(program, [...args, 'true']).status === 0
}

/** `npm start` without npm, in an environment that has nothing else in it. */
function start(command: string[], env: Record<string, string>, options: SpawnOptions = {}) {
  const [program = '', ...args] = command
  const child = spawn(program, [...args, process.execPath, '--import', 'tsx', 'src/main.ts'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...{ PATH: process.env.PATH, PORT: '0', HOST: '127.0.0.1', DRAIN_SECONDS: '0' },
      ...{ NODE_ENV: 'production', ...env },
    },
    ...options,
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const ended = once(child, 'close')
  const url = async () => {
    await eventually(() => expect(output).toContain('Livebalance is ready'), { timeout: 60_000 })
    return /"url":"([^"]+)"/.exec(output)?.[1] ?? ''
  }
  return { child, ended, url, output: () => output }
}

/** A payment, a balance and an end, as any server does them. */
async function serves({ child, ended, url }: ReturnType<typeof start>): Promise<void> {
  const base = await url()
  const call = async (sub: string, path: string, body?: object) => {
    const token = await mintToken({ sub, roles: sub === 'boss' ? ['admin'] : [] })
    const response = await fetch(base + path, {
      method: body ? 'POST' : 'GET',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    return [response.status, await response.json()]
  }
  const gift = { userId: 'ann', amount: 1, description: 'x' }
  expect(await call('boss', '/transactions/adjustment', gift)).toMatchObject([201, { amount: 1 }])
  await eventually(async () =>
    expect(await call('ann', '/transactions/balance/cached')).toMatchObject([
      200,
      { cached: true },
    ]),
  )
  expect(await call('boss', '/health/ready')).toMatchObject([200, { status: 'ready' }])
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
}

describeWithRedis('a server with its own database and Redis', () => {
  describe.skipIf(!ROOT)(
    'as another account',
    { meta: { skipReason: 'needs root, to become another account' } },
    () => {
      test('runs as an account that has neither a name nor a home', async ({ database }) => {
        const env = { DATABASE_URL: database.ownerUrl, REDIS_URL: redisUrl() }
        const nobody = { uid: 12345, gid: 0 }
        const server = start(
          ['env'],
          { ...env, JWT_SECRET: TEST_SECRET, HOME: '/nonexistent' },
          nobody,
        )
        await serves(server)
      })

      test('without them, names the folder that it cannot write to', async () => {
        const { ended, output } = start(
          ['env'],
          { DATA_DIR: '/proc/data', NODE_ENV: 'development' },
          { uid: 12345, gid: 0 },
        )
        expect(await ended).toEqual([1, null])
        expect(output()).toMatch(
          /^The data folder \/proc\/data cannot be used \(E\w+: [^\n]*\): set DATA_DIR to another folder.\n$/,
        )
      })
    },
  )

  test.skipIf(!canRemount())(
    'runs on a read-only file system',
    { meta: { skipReason: 'needs the right to mount' } },
    async ({ database }) => {
      const env = { DATABASE_URL: database.ownerUrl, REDIS_URL: redisUrl() }
      const server = start(READ_ONLY, { ...env, JWT_SECRET: TEST_SECRET })
      await serves(server)
    },
  )
})

describeWithPrivateRedis('a machine that has only IPv6', () => {
  test('serves, with its database and Redis at IPv6 addresses', async ({ database }) => {
    const redis = await startConfiguredRedis(['bind ::1'])
    const postgres = new URL(database.ownerUrl)
    const relay = createServer((client) => {
      const onward = connect(Number(postgres.port), postgres.hostname)
      client.pipe(onward).pipe(client)
      client.on('error', () => onward.destroy()).on('close', () => onward.destroy())
      onward.on('error', () => client.destroy()).on('close', () => client.destroy())
    })
    await once(relay.listen(0, '::1'), 'listening')
    onTestFinished(() => void relay.close())
    const { port } = relay.address() as AddressInfo
    const login = `${postgres.username}:${postgres.password}`
    const server = start(['env'], {
      DATABASE_URL: `postgres://${login}@[::1]:${port}${postgres.pathname}`,
      REDIS_URL: `redis://[::1]:${redis.port}`,
      HOST: '::1',
      JWT_SECRET: TEST_SECRET,
    })
    await expect.poll(() => server.url()).toMatch(/^http:\/\/\[::1\]:\d+$/)
    await serves(server)
  })
})
