import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { mintToken } from '../../src/auth/tokens.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { freePort } from '../../src/local/ports.ts'
import { startPostgres } from '../../src/local/postgres.ts'
import { startRedis } from '../../src/local/redis.ts'
import { connect } from '../../src/postgres/database.ts'
import { AMPLE } from '../http/ample.ts'
import { ask } from '../http/ask.ts'
import { SECRET } from '../secret.ts'

const WARM = 300
const ROUNDS = 3
/** Requests in each round. */
const SAMPLES = 600

interface Quantiles {
  p50: number
  p99: number
}

/** A bare server that reads a body and answers. */
const HELLO = `require('http').createServer((q, r) => q.resume().on('end', () => r.end('{}')))
  .listen(0, '127.0.0.1', function () { console.log(this.address().port) })`

interface Latency {
  event: Quantiles[]
  parts: Quantiles[]
}

/**
 * Milliseconds from a PATCH that approves a topup to its event at an SSE client. Measured by turns with it: its
 * necessary parts, which are a bare HTTP round trip, the commit, and a Redis hop. One number for each round. Undefined
 * if there is no Redis.
 */
export async function latency(): Promise<Latency | undefined> {
  const releases: (() => unknown)[] = []
  try {
    return await measure(releases)
  } finally {
    for (const release of releases.reverse()) await release()
  }
}

async function measure(releases: (() => unknown)[]): Promise<Latency | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'latency-'))
  releases.push(() => rmSync(folder, { recursive: true, force: true }))
  const log = pino({ level: 'silent' })
  const postgres = await startPostgres({ dataDir: folder, log })
  releases.push(() => postgres.close())
  const redis = await startRedis({ dataDir: folder, log })
  if (!redis) return undefined
  releases.push(() => redis.close())

  const port = await freePort()
  const server = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    stdio: 'ignore',
    env: {
      ...process.env,
      DATABASE_URL: postgres.ownerUrl,
      REDIS_URL: redis.url,
      JWT_SECRET: SECRET,
      PORT: String(port),
      HOST: '127.0.0.1',
      DRAIN_SECONDS: '0',
      ...AMPLE,
    },
  })
  releases.push(() => end(server))
  const agent = new Agent({ keepAlive: true })
  releases.push(() => agent.destroy())
  for (let up = false; !up; ) {
    up = await ask(agent, port, 'GET', '/health/live').then(
      () => true,
      () => false,
    )
    if (!up) await new Promise((resolve) => setTimeout(resolve, 50))
  }

  const hello = spawn(process.execPath, ['-e', HELLO], { stdio: ['ignore', 'pipe', 'ignore'] })
  releases.push(() => end(hello))
  const [line] = (await once(hello.stdout, 'data')) as [Buffer]
  const helloPort = Number(String(line))

  const sql = connect(postgres.ownerUrl, { max: 1 })
  releases.push(() => sql.end())
  const executor = new Executor(sql)
  const publisher = new Redis(redis.url)
  const subscriber = new Redis(redis.url)
  releases.push(
    () => publisher.disconnect(),
    () => subscriber.disconnect(),
  )
  await subscriber.subscribe('bench')

  const admin = await mintToken(SECRET, { sub: 'admin', roles: ['admin'], expiresIn: 3600 })
  const user = await mintToken(SECRET, { sub: 'alice', expiresIn: 3600 })
  const stream = connectTcp(port, '127.0.0.1')
  releases.push(() => stream.destroy())
  stream.write(`GET /balance/stream?token=${user} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await arrived(stream, 'balance_initial')

  const times = {
    event: [] as number[],
    http: [] as number[],
    commit: [] as number[],
    hop: [] as number[],
  }
  const clock = async (into: number[], work: () => Promise<unknown>) => {
    const start = performance.now()
    await work()
    into.push(performance.now() - start)
  }
  const body = '{"status":"success"}'
  const result: Latency = { event: [], parts: [] }
  for (let i = 1 - WARM; i <= ROUNDS * SAMPLES; i++) {
    if (i === 1) for (const list of Object.values(times)) list.length = 0
    const topup = JSON.parse(
      await ask(agent, port, 'POST', '/transactions/topup', user, '{"amount":1}'),
    )
    let answered: Promise<unknown> | undefined
    await clock(times.event, () => {
      const event = arrived(stream, 'balance_updated')
      answered = ask(agent, port, 'PATCH', `/transactions/topup/${topup.id}/process`, admin, body)
      return event
    })
    await answered
    await clock(times.http, () => ask(agent, helloPort, 'PATCH', '/', admin, body))
    const named = { tenant: 'default', currency: 'USD' }
    const opened = await executor.execute({
      ...named,
      op: 'topup_request',
      actor: 'bob',
      userId: 'bob',
      amount: 100n,
    })
    if (!opened.ok) throw new Error(opened.code)
    const transactionId = opened.transaction.id
    await clock(times.commit, () =>
      executor.execute({
        ...named,
        op: 'topup_process',
        actor: 'admin',
        transactionId,
        status: 'success',
      }),
    )
    await clock(times.hop, () => {
      const heard = once(subscriber, 'message')
      void publisher.publish('bench', body)
      return heard
    })
    if (i > 0 && i % SAMPLES === 0) {
      const all = [times.http, times.commit, times.hop].map(quantiles)
      const sum = (of: keyof Quantiles) => all.reduce((total, part) => total + part[of], 0)
      result.event.push(quantiles(times.event))
      result.parts.push({ p50: sum('p50'), p99: sum('p99') })
      for (const list of Object.values(times)) list.length = 0
    }
  }
  return result
}

function quantiles(values: number[]): Quantiles {
  values.sort((a, b) => a - b)
  const at = (share: number) => values[Math.floor(values.length * share)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}

function arrived(socket: ReturnType<typeof connectTcp>, what: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (bytes: Buffer) => {
      if (!bytes.includes(what)) return
      socket.off('data', look)
      socket.resume()
      resolve()
    }
    socket.on('data', look)
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
