import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { mintToken } from '../../src/auth/tokens.ts'
import { freePort } from '../../src/local/ports.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { inWorld, isReady, type World } from '../http/world.ts'
import { report } from '../report.ts'
import { compare } from '../row.ts'
import { SECRET } from '../secret.ts'
import { startRaw } from '../storm/storm.ts'
import type { Asked, Seen } from './clients.ts'

/**
 * `npm run bench:connections`: so many users with one connection each, half of them SSE and half WebSocket, on several
 * server processes of one machine. Each user gets a change, and then all servers restart one after the other while money
 * moves. In the end each client must have each event of its user. Beside it, a raw SSE server with as many connections
 * as one of ours. Linux only. Arguments: connections (100,000), server processes (one for each 16,000 connections, so that a process
 * needs no more than 20,000 files).
 */
const CONNECTIONS = Number(process.argv[2] ?? 100_000)
const SERVERS = Number(process.argv[3] ?? Math.ceil(CONNECTIONS / 16_000))
const EACH = Math.ceil(CONNECTIONS / SERVERS)

/** Clients and servers share the machine, which must not have to move more connections than this a second. */
const MOVED_A_SECOND = 300
const DRAIN_SECONDS = Math.min(300, Math.ceil(EACH / MOVED_A_SECOND))

/** Commands of one request. */
const BULK = 500

await inWorld('connections', measure, { max_wal_size: '4GB' })

interface Clients {
  begin(): void
  seen(): Promise<Seen>
  /** The newest seq of each user. */
  seqs(): Promise<number[]>
  end(): void
}

async function measure(world: World): Promise<void> {
  const raw = await startRaw()
  const rawClients = await openClients('SSE', EACH, [raw.port])
  const rawMemory = memoryOf([raw.pid])
  const rawSeconds = await connectAll(rawClients, EACH)
  const rawGrown = grown(rawMemory, memoryOf([raw.pid]), EACH)
  rawClients.end()
  raw.end()

  const ports = await Promise.all(Array.from({ length: SERVERS }, () => freePort()))
  const launch = async (port: number) => {
    const server = await world.launch(port, [], {
      DRAIN_SECONDS: String(DRAIN_SECONDS),
      LOG_LEVEL: 'error',
    })
    while (!(await isReady(port))) await sleep(20)
    return server
  }
  const servers: ChildProcess[] = []
  for (const port of ports) servers.push(await launch(port))
  const pids = () => servers.map(({ pid }) => pid as number)
  const clients = await openClients('both', CONNECTIONS, ports)
  const before = memoryOf(pids())
  const seconds = await connectAll(clients, CONNECTIONS)
  await sleep(2_000)
  const ours = grown(before, memoryOf(pids()), CONNECTIONS)

  const payer = await openPayer(ports)
  const began = performance.now()
  await payer.payAll()
  const paid = (performance.now() - began) / 1000
  const sql = connect(world.databaseUrl, { max: 1 })
  const written = await eventsOf(sql)
  while ((await clients.seen()).events < written) await sleep(50)
  const delivered = (performance.now() - began) / 1000

  const stop = payer.payOn()
  const restart = performance.now()
  for (const [i, server] of servers.entries()) {
    const exited = once(server, 'exit')
    server.kill('SIGTERM')
    await exited
    servers[i] = await launch(ports[i] as number)
  }
  await sleep(1_000)
  const restarted = (performance.now() - restart) / 1000
  const more = await stop()
  const behind = await untilUpToDate(sql, clients)
  const seen = await clients.seen()
  const all = await eventsOf(sql)
  await sql.end()
  clients.end()

  console.log(
    `${CONNECTIONS} connections on ${SERVERS} processes; kernel memory of both ends of a connection: ${ours.kernelKb.toFixed(1)} KB (raw: ${rawGrown.kernelKb.toFixed(1)} KB)`,
  )
  console.log(
    `${written} events to all of them: committed in ${paid.toFixed(1)} s, delivered in ${delivered.toFixed(1)} s, ${Math.round(written / delivered)}/s`,
  )
  console.log(
    `rolling restart: ${restarted.toFixed(0)} s, ${seen.ended} connections resumed, ${more} payments meanwhile; ${seen.wrong} gaps, ${behind} clients not up to date`,
  )
  report('connections', [
    compare({
      ...{ what: `${CONNECTIONS} connections opened`, unit: '/s', direction: '≥' },
      ours: [CONNECTIONS / seconds],
      limit: { name: `raw SSE, ${EACH}`, rounds: [EACH / rawSeconds] },
    }),
    compare({
      ...{ what: 'server memory of a connection', unit: 'KB', direction: '≤' },
      ours: [ours.rssKb],
      limit: { name: 'raw SSE', rounds: [rawGrown.rssKb] },
    }),
    compare({
      ...{ what: 'events seen after the rolling restart', unit: '', direction: '≥', goal: 1 },
      ours: [seen.events],
      limit: { name: 'written', rounds: [all] },
    }),
  ])
  if (behind > 0 || seen.wrong > 0) process.exitCode = 1
}

/** In several processes, for each has its own limit of open files. */
async function openClients(transports: string, count: number, ports: number[]): Promise<Clients> {
  const children: ChildProcess[] = []
  for (let first = 0; first < count; first += 16_000) {
    const args = [transports, String(first), String(Math.min(16_000, count - first)), ports.join()]
    const child = fork(new URL('clients.ts', import.meta.url), args, {
      execArgv: ['--import', 'tsx', '--max-old-space-size=4096'],
    })
    await once(child, 'message')
    children.push(child)
  }
  const ask = <T>(asked: Asked): Promise<T[]> =>
    Promise.all(
      children.map(async (child) => {
        const answer = once(child, 'message')
        child.send(asked)
        return (await answer)[0] as T
      }),
    )
  return {
    begin: () => children.forEach((child) => void child.send('begin' satisfies Asked)),
    async seen() {
      const all = await ask<Seen>('seen')
      const sum = (of: keyof Seen) => all.reduce((total, seen) => total + seen[of], 0)
      return { open: sum('open'), events: sum('events'), wrong: sum('wrong'), ended: sum('ended') }
    },
    seqs: async () => (await ask<number[]>('seqs')).flat(),
    end: () => children.forEach((child) => void child.disconnect()),
  }
}

/** Returns the seconds until all have a connection. */
async function connectAll(clients: Clients, count: number): Promise<number> {
  const began = performance.now()
  clients.begin()
  while ((await clients.seen()).open < count) await sleep(50)
  return (performance.now() - began) / 1000
}

interface Memory {
  rssKb: number
  kernelKb: number
}

function memoryOf(pids: readonly number[]): Memory {
  const number = (file: string, pattern: RegExp) =>
    Number(pattern.exec(readFileSync(file, 'utf8'))?.[1] ?? 0)
  const rss = pids.map((pid) => number(`/proc/${pid}/status`, /VmRSS:\s+(\d+)/))
  // Buffers of TCP are counted in pages of 4 KB, everything else of a socket in slabs.
  const tcp = 4 * number('/proc/net/sockstat', /TCP:.* mem (\d+)/)
  return {
    rssKb: rss.reduce((a, b) => a + b, 0),
    kernelKb: number('/proc/meminfo', /Slab:\s+(\d+)/) + tcp,
  }
}

function grown(before: Memory, after: Memory, connections: number): Memory {
  return {
    rssKb: (after.rssKb - before.rssKb) / connections,
    kernelKb: (after.kernelKb - before.kernelKb) / connections,
  }
}

async function openPayer(ports: readonly number[]) {
  const token = await mintToken(SECRET, { sub: 'ada', roles: ['admin'], expiresIn: 7200 })
  /** Gives each of these users a cent, as often as it takes until a server answers. */
  async function give(users: readonly number[], key: string): Promise<void> {
    const commands = users.map((user) => ({
      ...{ type: 'admin_adjustment', userId: `user-${user}`, amount: 0.01, description: 'bench' },
    }))
    for (let attempt = 0; ; attempt++) {
      const port = ports[(attempt + (users[0] as number)) % ports.length]
      const answer = await fetch(`http://127.0.0.1:${port}/transactions/bulk`, {
        method: 'POST',
        headers: {
          ...{ Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
          'Idempotency-Key': key,
        },
        body: JSON.stringify({ commands }),
      }).catch(() => undefined)
      if (answer?.ok) return void (await answer.arrayBuffer())
      if (answer && answer.status < 500) throw new Error(await answer.text())
      await sleep(100)
    }
  }
  return {
    async payAll(): Promise<void> {
      let next = 0
      const some = async () => {
        while (next < CONNECTIONS) {
          const from = next
          next += BULK
          const users = Array.from({ length: BULK }, (_, i) => from + i)
          await give(
            users.filter((user) => user < CONNECTIONS),
            `all-${from}`,
          )
        }
      }
      await Promise.all([some(), some(), some(), some()])
    },
    /** Pays single users until the returned function is called, which resolves with the number of payments. */
    payOn(): () => Promise<number> {
      let isOver = false
      let paid = 0
      const done = (async () => {
        while (!isOver) {
          await give([(paid * 7919) % CONNECTIONS], `one-${paid}`)
          paid += 1
          await sleep(5)
        }
        return paid
      })()
      return () => {
        isOver = true
        return done
      }
    },
  }
}

async function eventsOf(sql: Sql): Promise<number> {
  const [row] = await sql<{ events: string }[]>`select coalesce(sum(seq), 0) as events from wallets`
  return Number(row?.events)
}

/** Returns how many clients do not have the newest event of their user, after a minute at most. */
async function untilUpToDate(sql: Sql, clients: Clients): Promise<number> {
  const rows = await sql<{ user_id: string; seq: string }[]>`select user_id, seq from wallets`
  const heads = new Map(rows.map(({ user_id, seq }) => [user_id, Number(seq)]))
  for (let waited = 0; ; waited++) {
    const seqs = await clients.seqs()
    const behind = seqs.filter((seq, user) => seq !== (heads.get(`user-${user}`) ?? 0)).length
    if (behind === 0 || waited === 60) return behind
    await sleep(1_000)
  }
}
