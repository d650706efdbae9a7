import { readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  makeDataFolder,
  type NpmStart,
  npmStart,
  type Screen,
  screenOf,
} from '../support/e2e/npm-start.ts'
import { eventually } from '../support/index.ts'

const TIME = 120_000

let dataDir: string
let started: NpmStart[]

beforeEach(async () => {
  dataDir = await makeDataFolder()
  started = []
})

afterEach(async () => {
  for (const server of started) {
    if (server.process.exitCode === null && server.process.signalCode === null) {
      await server.stop('SIGTERM')
    }
  }
  await rm(dataDir, { recursive: true, force: true })
}, TIME)

function start(env: Record<string, string> = {}): NpmStart {
  const server = npmStart({ PORT: '0', DATA_DIR: dataDir, DRAIN_SECONDS: '1', ...env })
  started.push(server)
  return server
}

async function adjust({ url, adminToken }: Screen, amount: number): Promise<number> {
  const response = await fetch(`${url}/transactions/adjustment`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ userId: 'demo-user', amount, description: 'test' }),
  })
  return ((await response.json()) as { newBalance: number }).newBalance
}

/** Ids of the private processes that the server started. */
async function privateProcesses(): Promise<number[]> {
  const postgres = await readFile(join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8')
  const redis = await readFile(join(dataDir, 'redis.pid'), 'utf8').catch(() => undefined)
  const all = redis === undefined ? [postgres] : [postgres, redis]
  return all.map((text) => Number.parseInt(text, 10))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('npm start', { timeout: TIME }, () => {
  test('keeps its data over a restart, and stops what it started on SIGTERM and on Ctrl-C', async () => {
    const first = start()
    expect(await adjust(await screenOf(first), 12.34)).toBe(12.34)
    const pids = await privateProcesses()
    expect(await first.stop('SIGTERM')).toBe(0)
    expect(pids.filter(isRunning)).toEqual([])

    const second = start()
    expect(await adjust(await screenOf(second), 1)).toBe(13.34)
    const morePids = await privateProcesses()
    expect(await second.stop('SIGINT')).toBe(0)
    expect(morePids.filter(isRunning)).toEqual([])
  })

  test('runs several workers on one private Postgres and Redis, and ends all of them', async () => {
    const server = start({ WORKERS: '2', LOG_LEVEL: 'info' })
    const screen = await screenOf(server)
    await server.printed(/(a worker is up.*){2}/s)
    expect(server.output().match(/Livebalance is ready at/g)).toHaveLength(1)
    for (const balance of [1, 2, 3]) expect(await adjust(screen, 1)).toBe(balance)
    const pids = await privateProcesses()
    expect(await server.stop('SIGTERM')).toBe(0)
    expect(pids.filter(isRunning)).toEqual([])
  })

  test('recovers after kill -9, with every cent', async () => {
    const first = start()
    const screen = await screenOf(first)
    expect(await adjust(screen, 5)).toBe(5)
    // npm itself is not the server: kill what holds the data folder.
    const holder = Number.parseInt(await readFile(join(dataDir, 'postgres.lock'), 'utf8'), 10)
    process.kill(holder, 'SIGKILL')
    await first.ended()
    const second = start()
    expect(await adjust(await screenOf(second), 1)).toBe(6)
  })

  test('keeps its secret readable only by its owner, and earlier tokens stay valid', async () => {
    const first = start()
    const { userToken } = await screenOf(first)
    const { mode } = await stat(join(dataDir, 'jwt-secret'))
    expect(mode & 0o777).toBe(0o600)
    await first.stop()
    const { url } = await screenOf(start())
    const response = await fetch(`${url}/transactions/balance`, {
      headers: { Authorization: `Bearer ${userToken}` },
    })
    expect(response.status).toBe(200)
  })
})

describe('one clear line and exit code 1', { timeout: TIME }, () => {
  async function lineOf(server: NpmStart): Promise<string> {
    expect(await server.ended()).toBe(1)
    const lines = server.output().trim().split('\n')
    expect(lines).toHaveLength(1)
    return lines[0] ?? ''
  }

  test('for a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    const { port } = await eventually(() => {
      const address = other.address()
      if (address === null || typeof address === 'string') throw new Error('not listening')
      return address
    })
    try {
      const line = await lineOf(start({ PORT: String(port) }))
      expect(line).toBe(`Port ${port} is taken: set PORT to another one, or to 0 for a free one`)
    } finally {
      other.close()
    }
  })

  test('for a bad variable', async () => {
    expect(await lineOf(start({ CURRENCY: 'GOLD' }))).toBe(
      'CURRENCY must be an ISO 4217 code such as USD',
    )
  })

  test('for a database that does not answer, without its password', async () => {
    const line = await lineOf(
      start({
        DATABASE_URL: 'postgres://me:hush@127.0.0.1:9/ledger',
        DATABASE_WAIT: '0',
        JWT_SECRET: 'a secret that is at least 32 bytes long',
      }),
    )
    expect(line).toBe('DATABASE_URL: no database answers at 127.0.0.1:9 (ECONNREFUSED)')
  })

  test('for a host whose name nobody knows', async () => {
    expect(await lineOf(start({ HOST: 'nowhere.invalid' }))).toMatch(
      /^HOST: the name nowhere.invalid is not known \(E\w+\)$/,
    )
  })

  test('for a data folder that another server has', async () => {
    await screenOf(start())
    expect(await lineOf(start())).toMatch(/in use by process \d+/)
  })
})
