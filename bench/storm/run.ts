import { setTimeout as sleep } from 'node:timers/promises'
import { mintToken } from '../../src/auth/tokens.ts'
import { freePort } from '../../src/local/ports.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { fund, userIds } from '../http/users.ts'
import { inWorld, isReady, type World } from '../http/world.ts'
import { report } from '../report.ts'
import { compare } from '../row.ts'
import { SECRET } from '../secret.ts'
import { type Clients, cpuMs, openClients, type Subject, startRaw } from './storm.ts'

/**
 * `npm run bench:storm`: all clients connect at the same moment, once for the first time and once to resume after one
 * missed change, beside a raw SSE server that they connect to in the same run. Somebody pays during both. Linux only.
 * Arguments: clients (4,000), rounds (3).
 */
const CLIENTS = Number(process.argv[2] ?? 4_000)
const ROUNDS = Number(process.argv[3] ?? 3)

await inWorld('storm', measure)

async function measure(world: World): Promise<void> {
  const port = await freePort()
  const server = await world.launch(port)
  while (!(await isReady(port))) await sleep(20)
  const ours = { port, pid: server.pid ?? 0 }
  const raw = await startRaw()
  const sql = connect(world.databaseUrl, { max: 1 })
  const clients = await openClients(CLIENTS)
  const payer = await openPayer(port, sql)
  const users = userIds(CLIENTS)
  const first = { ours: [] as number[], raw: [] as number[] }
  const resume = { ms: [] as number[], cpu: [] as number[], rawCpu: [] as number[] }
  const payments = { idle: [] as number[], first: [] as number[], resume: [] as number[] }
  const statements: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const rawStorm = await storm(clients, raw, false)
    await fund(sql, users, 100n)
    await published(sql)
    const quiet = await statementsDuring(sql, async () => void (await sleep(2_000)))
    const perSecond = quiet.statements / quiet.seconds
    const idle = await statementsDuring(sql, async () => {
      payments.idle.push(await payer.pay(async () => void (await sleep(2_000))))
    })
    const eachPayment = (idle.statements - perSecond * idle.seconds) / payer.payments
    let firstMs = 0
    payments.first.push(
      await payer.pay(async () => {
        firstMs = (await storm(clients, ours, false)).ms
      }),
    )
    await clients.storm({ port: 0, resume: false })
    await fund(sql, users, 100n)
    await published(sql)
    let resumed = { ms: 0, cpuUs: 0 }
    const during = await statementsDuring(sql, async () => {
      const p99 = await payer.pay(async () => {
        resumed = await storm(clients, ours, true)
      })
      payments.resume.push(p99)
    })
    const others = perSecond * during.seconds + eachPayment * payer.payments
    statements.push(Math.max(0, during.statements - others) / CLIENTS)
    first.ours.push(firstMs)
    first.raw.push(rawStorm.ms)
    resume.ms.push(resumed.ms)
    resume.cpu.push(resumed.cpuUs)
    resume.rawCpu.push(rawStorm.cpuUs)
  }
  clients.end()
  raw.end()
  await sql.end()
  const beside = { name: 'raw SSE', rounds: first.raw }
  const of = `${CLIENTS.toLocaleString('en-US')} clients`
  report(
    'storm',
    [
      compare({
        ...{ what: `${of} connect`, unit: 'ms', direction: '≤' },
        ours: first.ours,
        limit: beside,
      }),
      compare({
        ...{ what: `${of} resume`, unit: 'ms', direction: '≤' },
        ours: resume.ms,
        limit: beside,
      }),
      compare({
        ...{ what: 'CPU of a resume', unit: 'µs', direction: '≤', goal: 2 },
        ours: resume.cpu,
        limit: { name: 'a raw SSE connect', rounds: resume.rawCpu },
      }),
      ...(['first', 'resume'] as const).flatMap((when) => {
        const what = `a payment while they ${when === 'first' ? 'connect' : 'resume'}, p99`
        const ours = payments[when]
        return [
          compare({
            ...{ what, unit: 'ms', direction: '≤', goal: 1, ours },
            limit: { name: 'promised', rounds: ours.map(() => 100) },
          }),
          compare({
            ...{ what, unit: 'ms', direction: '≤', ours },
            limit: { name: 'without the storm', rounds: payments.idle },
          }),
        ]
      }),
      compare({
        ...{ what: 'statements of Postgres a client', unit: '', direction: '≤', goal: 1 },
        ours: statements,
        limit: { name: 'promised', rounds: statements.map(() => 0.01) },
      }),
    ],
    [],
  )
}

async function storm(clients: Clients, { port, pid }: Subject, resume: boolean) {
  const before = cpuMs(pid)
  const { ms } = await clients.storm({ port, resume })
  return { ms, cpuUs: ((cpuMs(pid) - before) * 1000) / CLIENTS }
}

/** Pays a cent again and again while something else happens. */
async function openPayer(port: number, sql: Sql) {
  await fund(sql, ['payer'], 10n ** 10n)
  const token = await mintToken(SECRET, { sub: 'payer', expiresIn: 7200 })
  const payOnce = async () => {
    const began = performance.now()
    const answer = await fetch(`http://127.0.0.1:${port}/transactions`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ type: 'booking_payment', amount: 0.01 }),
    })
    await answer.arrayBuffer()
    if (!answer.ok) throw new Error(`a payment was answered with ${answer.status}`)
    return performance.now() - began
  }
  for (let i = 0; i < 50; i++) await payOnce()
  const payer = {
    payments: 0,
    /** Returns the 99th percentile in milliseconds. */
    async pay(meanwhile: () => Promise<void>): Promise<number> {
      let isOver = false
      const happened = meanwhile().finally(() => {
        isOver = true
      })
      const times: number[] = []
      while (!isOver) {
        times.push(await payOnce())
        await sleep(2)
      }
      await happened
      payer.payments = times.length
      times.sort((a, b) => a - b)
      return times[Math.ceil(times.length * 0.99) - 1] ?? Number.NaN
    },
  }
  return payer
}

/** Waits until all changes are published and rolled up, which takes statements too. */
async function published(sql: Sql): Promise<void> {
  while ((await sql`select from outbox union all select from analytics_feed`).length > 0) {
    await sleep(100)
  }
}

/** Statements of the database while something happens, with those of the periodic work of that time. */
async function statementsDuring(sql: Sql, happens: () => Promise<void>) {
  const before = await statementsOf(sql)
  const began = performance.now()
  await happens()
  const statements = (await statementsOf(sql)) - before
  return { statements, seconds: (performance.now() - began) / 1_000 }
}

/** Statements of the database so far. Postgres counts those of a session up to a second later. */
async function statementsOf(sql: Sql): Promise<number> {
  await sleep(1_500)
  const [row] = await sql<{ done: string }[]>`
    select xact_commit + xact_rollback as done from pg_stat_database
    where datname = current_database()`
  return Number(row?.done)
}
