import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { io } from 'socket.io-client'
import { expect, inject, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { built } from '../support/built.ts'
import { describeWithPrivateRedis, eventually, mintToken, TEST_SECRET } from '../support/index.ts'
import { scrape } from '../support/observability/scrape.ts'
import { connectBy, type TestClient, TRANSPORTS } from '../support/realtime/clients.ts'
import { Follower } from '../support/workers/follower.ts'
import { isRunning, test } from '../support/workers/team.ts'

const GIFT = { amount: 1, description: 'a gift' }

/**
 * Credits the user, and resolves with the status. Rejects if there is no answer. Each has a connection of its own: the
 * server may close an idle one just when its client writes to it.
 */
async function give(url: string, admin: string, userId: string): Promise<number> {
  const { status } = await ask(`${url}/transactions/adjustment`, {
    body: JSON.stringify({ ...GIFT, userId }),
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
  })
  return status
}

const adminToken = () => mintToken({ sub: 'ada', roles: ['admin'] })

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

describeWithPrivateRedis('several workers on one port', () => {
  test('a killed one is started again, warned of and counted, and the others go on', async ({
    startTeam,
  }) => {
    const team = await startTeam(2)
    const token = await mintToken({ sub: 'alice' })
    const admin = await adminToken()
    // One after the other, so that they alternate between the two.
    const clients: TestClient[] = []
    for (let i = 0; i < 4; i++) {
      const client = connectBy.WebSocket(team.url, token)
      clients.push(client)
      await eventually(() => expect(client.received).toHaveLength(1))
    }
    const lost: number[] = []
    clients.forEach(({ failure }, i) => void failure.then(() => lost.push(i)))
    const [victim = 0, other = 0] = team.pids
    await team.kill(victim)
    await eventually(() => expect(lost).not.toEqual([]))
    await team.areUp('2 of 2')
    expect(await give(team.url, admin, 'alice')).toBe(201)
    const kept = clients.filter((_, i) => !lost.includes(i))
    expect(kept).not.toEqual([])
    await eventually(() => {
      for (const client of kept) expect(client.seqs()).toEqual([1, 2])
    })
    expect(team.pids).toHaveLength(2)
    expect(team.pids).toContain(other)
    expect(team.logged('a worker ended by itself: it is started again')).toMatchObject([
      { level: 'warn', pid: victim, signal: 'SIGKILL' },
    ])
    expect((await scrape(team.url)).value('livebalance_worker_crashes_total')).toBe(1)
  })

  test('are all replaced at SIGHUP under load: no request fails, and no event is lost or doubled', async ({
    startTeam,
    sql,
  }) => {
    const team = await startTeam(2, { DRAIN_SECONDS: '1' })
    const admin = await adminToken()
    const users = await Promise.all(
      [...TRANSPORTS, ...TRANSPORTS].map(async (transport, i) => {
        const userId = `user-${i}`
        const follower = new Follower(team.url, await mintToken({ sub: userId }), transport)
        return { userId, follower }
      }),
    )
    onTestFinished(() => {
      for (const { follower } of users) follower.stop()
    })
    await Promise.all(users.map(({ follower }) => follower.begun()))
    const before = team.pids
    const problems: unknown[] = []
    let sent = 0
    let done = false
    const load = users.map(async ({ userId }) => {
      while (!done) {
        await give(team.url, admin, userId).then(
          (status) => status !== 201 && problems.push(status),
          (error) => problems.push(error),
        )
        sent += 1
      }
    })
    team.server.signal('SIGHUP')
    await eventually(() => expect(team.logged('all workers were replaced')).toHaveLength(1), {
      timeout: 90_000,
    })
    done = true
    await Promise.all(load)
    expect(problems).toEqual([])
    expect(before.filter(isRunning)).toEqual([])
    expect(team.pids).toHaveLength(2)
    const rows = await sql<{ user_id: string; events: number }[]>`
      select w.user_id, count(*)::int as events
      from events e join wallets w on w.id = e.wallet_id group by w.user_id`
    const counts = new Map(rows.map((row) => [row.user_id, row.events]))
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(2 * sent)
    for (const { userId, follower } of users) {
      await eventually(() => expect(follower.all).toEqual(upTo(counts.get(userId) ?? 0)))
      // Its first worker ended.
      expect(follower.connections).toBeGreaterThan(1)
    }
  })

  test('drain at SIGTERM, tell clients to come back, and leave nothing behind', async ({
    startTeam,
  }) => {
    const team = await startTeam(2)
    const token = await mintToken({ sub: 'alice' })
    const clients = [1, 2].map(() => connectBy.WebSocket(team.url, token))
    await eventually(() => {
      for (const { received } of clients) expect(received).toHaveLength(1)
    })
    const { pids } = team
    const code = team.server.end('SIGTERM')
    for (const { failure } of clients) expect(await failure).toEqual({ code: 1012 })
    expect(await code).toBe(0)
    expect(pids.filter(isRunning)).toEqual([])
  })

  test('end with their parent, also when Node does not tell them of its end', async ({
    startTeam,
  }) => {
    // As it is when the parent is killed in the middle of a message.
    const silent = join(inject('runFolder'), 'no-disconnect.cjs')
    writeFileSync(
      silent,
      `const { emit } = process
      process.emit = function (name, ...values) {
        return name !== 'disconnect' && emit.call(this, name, ...values)
      }`,
    )
    const team = await startTeam(2, { NODE_OPTIONS: `--require ${silent}` })
    const { pids } = team
    await team.server.end('SIGKILL')
    await eventually(() => expect(pids.filter(isRunning)).toEqual([]))
  })

  test('serve Socket.IO by long polling, whichever of them gets a request', async ({
    startTeam,
  }) => {
    const team = await startTeam(3)
    const admin = await adminToken()
    const token = await mintToken({ sub: 'alice' })
    const sockets = [1, 2, 3, 4, 5, 6].map((i) => {
      const socket = io(`${team.url}/balance`, {
        auth: { token },
        // Half of them begin by polling and upgrade, as Socket.IO does by default.
        transports: i % 2 === 0 ? ['polling'] : ['polling', 'websocket'],
        reconnection: false,
        forceNew: true,
        // A connection for each request, so that its worker is another one each time.
        agent: new Agent({ keepAlive: false }) as never,
      })
      onTestFinished(() => void socket.close())
      const seqs: number[] = []
      const failures: unknown[] = []
      // An answer to a question comes as an event too.
      socket.onAny((event, { seq }) => event !== 'balance_current' && seqs.push(seq))
      socket.on('connect_error', (error) => failures.push(error))
      socket.on('disconnect', (reason) => failures.push(reason))
      return { socket, seqs, failures }
    })
    await eventually(() => {
      for (const { seqs, failures } of sockets) expect([seqs, failures]).toEqual([[0], []])
    })
    await eventually(() => {
      const used = sockets.map(({ socket }) => socket.io.engine.transport.name)
      expect(used).toEqual(['websocket', 'polling', 'websocket', 'polling', 'websocket', 'polling'])
    })
    for (const gifts of [1, 2, 3]) {
      expect(await give(team.url, admin, 'alice')).toBe(201)
      await eventually(() => {
        for (const { seqs } of sockets) expect(seqs).toEqual([0, ...upTo(2 * gifts)])
      })
      // Messages from the client go by requests of their own.
      for (const { socket } of sockets) {
        const answer = await socket.emitWithAck('get_current_balance')
        expect(answer).toMatchObject({ balance: gifts })
      }
    }
    for (const { failures } of sockets) expect(failures).toEqual([])
  })

  test('lose nothing of a connection that one passes to another, however busy all are', async ({
    startTeam,
  }) => {
    const busy = join(inject('runFolder'), 'busy.cjs')
    writeFileSync(
      busy,
      'setInterval(() => { for (const end = Date.now() + 4; Date.now() < end; ); }, 5).unref()',
    )
    const team = await startTeam(3, { NODE_OPTIONS: `--require ${busy}` })
    const upgrade = async () => {
      const sid = await openSession(team.url, new Agent())
      const query = new URLSearchParams({ EIO: '4', transport: 'websocket', sid })
      const socket = new WebSocket(`${team.url.replace('http', 'ws')}/socket.io/?${query}`)
      onTestFinished(() => socket.terminate())
      // What the client sends first.
      socket.on('open', () => socket.send('2probe'))
      const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(30_000) })
      expect(String(answer)).toBe('3probe')
      socket.terminate()
    }
    for (let i = 0; i < 20; i++) await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(upgrade))
  })

  test('answer for a session that is in none of them as one process does', async ({
    startTeam,
  }) => {
    const team = await startTeam(2)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    // An id begins with the number of its worker.
    const workerOf = (sid: string) => Number(sid.split('.')[0])
    // A connection that stays open: a new one goes to the worker that has fewer, until it is the other one.
    const open = async () => {
      const connection = new Agent({ keepAlive: true })
      onTestFinished(() => connection.destroy())
      return openSession(team.url, connection)
    }
    const lost = await open()
    const alive = await eventually(async () => {
      const sid = await open()
      expect(workerOf(sid)).not.toBe(workerOf(lost))
      return sid
    })
    const victim = team.logged('a worker is up').find(({ worker }) => worker === workerOf(lost))
    await team.kill(victim?.pid as number)
    await team.areUp('2 of 2')
    expect(await poll(team.url, { sid: lost, body: '40' })).toEqual({
      status: 400,
      body: '{"code":1,"message":"Session ID unknown"}',
    })
    // Whether the worker that has the session reads it, or another one.
    for (let i = 0; i < 3; i++) {
      const large = await poll(team.url, { sid: alive, body: `42${'x'.repeat(20_000)}` })
      expect(large.status).toBe(413)
    }
    // A connection that was given away serves what its client sends next, whatever it is.
    for (let i = 0; i < 4; i++) {
      expect((await poll(team.url, { sid: alive, body: '3', agent })).status).toBe(200)
      expect((await ask(`${team.url}/health/live`, { agent })).status).toBe(200)
    }
  })

  test('have the metrics of one server, and what one has counted stays counted when it ends', async ({
    startTeam,
  }) => {
    const team = await startTeam(2)
    const admin = await adminToken()
    const clients = await Promise.all(
      upTo(4).map(async (i) => connectBy.SSE(team.url, await mintToken({ sub: `user-${i}` }))),
    )
    await eventually(() => {
      for (const { received } of clients) expect(received).toHaveLength(1)
    })
    // Each over a connection of its own, so that both workers take some.
    const gifts = 12
    for (let i = 0; i < gifts; i++) {
      const body = JSON.stringify({ ...GIFT, userId: 'user-1' })
      const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' }
      const { status } = await ask(`${team.url}/transactions/adjustment`, { body, headers })
      expect(status).toBe(201)
    }
    const labels = { op: 'adjustment', outcome: 'ok' }
    const expectSums = async () => {
      const { value } = await scrape(team.url)
      expect(value('livebalance_ledger_commands_total', labels)).toBe(gifts)
      const call = { route: '/transactions/adjustment', method: 'POST', status: '2xx' }
      const duration = 'livebalance_http_request_duration_seconds'
      expect(value(`${duration}_count`, call)).toBe(gifts)
      expect(value(`${duration}_bucket`, { ...call, le: '+Inf' })).toBe(gifts)
      return value
    }
    const value = await expectSums()
    expect(value('livebalance_connections', { transport: 'sse' })).toBe(4)
    expect(value('livebalance_connected_users')).toBe(4)
    expect(value('livebalance_postgres_up')).toBe(1)
    expect(value('livebalance_redis_link', { state: 'live' })).toBe(1)
    expect(value('livebalance_build_info')).toBe(1)
    expect(value('livebalance_workers')).toBe(2)
    expect(value('livebalance_workers_wanted')).toBe(2)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(60_000_000)
    // What a worker counted stays counted.
    await team.kill(team.pids[0])
    await team.areUp('2 of 2')
    await expectSums()
    team.server.signal('SIGHUP')
    await eventually(() => expect(team.logged('all workers were replaced')).toHaveLength(1), {
      timeout: 60_000,
    })
    await expectSums()
  })

  test('stay ready while one cannot start, say so, and are complete when it can', async ({
    startTeam,
    sql,
  }) => {
    const team = await startTeam(2)
    const before = team.pids
    // As if a newer version had migrated the database: a process that starts now does not serve.
    await sql`insert into schema_files (name, checksum) values ('migrations/9999_newer.sql', 'x')`
    team.server.signal('SIGHUP')
    await eventually(() =>
      expect(
        team.logged('a new worker does not start: the others go on, and none of them is replaced'),
      ).toMatchObject([{ level: 'error' }]),
    )
    expect(team.pids).toEqual(before)
    await team.areUp('2 of 2')
    await team.kill(before[0])
    await team.areUp('1 of 2')
    await eventually(
      () => {
        const waits = team.logged('a worker ended by itself: it is started again')
        expect(waits.map(({ againInMs }) => againInMs).slice(0, 3)).toEqual([100, 200, 400])
      },
      { timeout: 90_000 },
    )
    expect((await scrape(team.url)).value('livebalance_workers')).toBe(1)
    expect(await give(team.url, await adminToken(), 'alice')).toBe(201)
    await sql`delete from schema_files where name = 'migrations/9999_newer.sql'`
    await team.areUp('2 of 2')
  })

  test('end the start in one line if the database does not fit, or there is no Redis to share', async ({
    database,
    redis,
    sql,
  }) => {
    const settings = { DATABASE_URL: database.ownerUrl, WORKERS: '3' }
    expect(await lastWords({ ...settings, PATH: '/nowhere' })).toEqual([
      'WORKERS: several processes need a Redis: set REDIS_URL, or WORKERS=1',
    ])
    await sql`insert into schema_files (name, checksum) values ('migrations/9999_newer.sql', 'x')`
    const lines = await lastWords({ ...settings, REDIS_URL: redis.url })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^DATABASE_URL: .*9999_newer/)
  })

  test('one that hangs is replaced, and another one answers those that connected to it', async ({
    startTeam,
  }) => {
    const team = await startTeam(2)
    const [hung = 0] = team.pids
    process.kill(hung, 'SIGSTOP')
    // Each over a connection of its own, so that both get some.
    const asked = upTo(6).map(() => ask(`${team.url}/health/live`, {}))
    for (const { status } of await Promise.all(asked)) expect(status).toBe(200)
    await eventually(() => expect(isRunning(hung)).toBe(false), { timeout: 60_000 })
    expect(team.logged('a worker does not answer: it is ended')).toMatchObject([{ pid: hung }])
    await team.areUp('2 of 2')
  })
})

interface Asking {
  body?: string | undefined
  headers?: Record<string, string>
  agent?: Agent
}

/** One request over a connection of its own, unless there is an agent. */
function ask(url: string, { body, headers, agent = new Agent() }: Asking) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const asked = httpRequest(url, { method, agent, ...(headers && { headers }) }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** A request of Engine.IO's long polling. */
function poll(url: string, { sid, ...rest }: Asking & { sid?: string | undefined } = {}) {
  const query = new URLSearchParams({ EIO: '4', transport: 'polling', ...(sid && { sid }) })
  const headers = { 'content-type': 'text/plain;charset=UTF-8' }
  return ask(`${url}/socket.io/?${query}`, { headers, ...rest })
}

async function openSession(url: string, agent: Agent): Promise<string> {
  const { body } = await poll(url, { agent })
  return JSON.parse(body.slice(1)).sid
}

/** What a server prints that does not start. */
async function lastWords(env: Record<string, string>): Promise<string[]> {
  const child = spawn(process.execPath, [await built('main')], {
    env: {
      ...{ ...process.env, REDIS_URL: '', JWT_SECRET: TEST_SECRET, HOST: '127.0.0.1', PORT: '0' },
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => {
      text += part
    })
  }
  const [code] = await once(child, 'close')
  expect(code).toBe(1)
  return text.trim().split('\n')
}
