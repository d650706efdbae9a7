import { setTimeout as sleep } from 'node:timers/promises'
import { mintToken } from '../../src/auth/tokens.ts'
import { connect } from '../../src/postgres/database.ts'
import { generator, wireRequest } from '../http/load.ts'
import { fund, userIds } from '../http/users.ts'
import { inWorld, type World } from '../http/world.ts'
import { report } from '../report.ts'
import { compare } from '../row.ts'
import { SECRET } from '../secret.ts'
import { openListeners } from './listeners.ts'
import { slope } from './trend.ts'

/**
 * `npm run bench:load`: a server with 2,000 live connections answers reads and writes at 70 % of its highest rate for
 * LOAD_MINUTES (5). The highest rate is measured first, in the same run, with the connections open and the same mix.
 * The server, the requests and the connections have a process each.
 */
const MINUTES = Number(process.env.LOAD_MINUTES || 5)
const CONNECTIONS = Number(process.env.LOAD_CONNECTIONS || 2_000)
const SHARE = 0.7

/** Requests under way at once. */
const CALLERS = 64

/** Seconds of the measurement of the highest rate, and of its warm-up. */
const CAPACITY_SECONDS = 10
const WARM_SECONDS = 5

/** Ten requests: seven cached balances, one balance from Postgres, and two payments of two events each. */
const MIX = [
  'cached',
  'cached',
  'pay',
  'cached',
  'cached',
  'balance',
  'cached',
  'pay',
  'cached',
  'cached',
]

const MB = 1024 * 1024

await inWorld('load', measure, { max_wal_size: '4GB' })

async function mixedRequests(): Promise<string[]> {
  const tokens = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, i) =>
      mintToken(SECRET, { sub: `user-${i}`, expiresIn: 7200 }),
    ),
  )
  // A step that has no common divisor with either, so that each user makes each of the ten requests.
  return Array.from({ length: CONNECTIONS * MIX.length }, (_, i) => {
    const token = tokens[(i * 7) % CONNECTIONS] ?? ''
    const kind = MIX[(i + Math.floor(i / CONNECTIONS)) % MIX.length]
    if (kind === 'cached') return wireRequest('GET', '/transactions/balance/cached', token)
    if (kind === 'balance') return wireRequest('GET', '/transactions/balance', token)
    return wireRequest('POST', '/transactions', token, { type: 'booking_payment', amount: 0.01 })
  })
}

async function measure({ server, databaseUrl }: World): Promise<void> {
  const port = await server()
  const sql = connect(databaseUrl, { max: 2 })
  await fund(sql, userIds(CONNECTIONS), 10n ** 12n)
  await sql.end()
  const operator = await mintToken(SECRET, { sub: 'opal', roles: ['operator'], expiresIn: 7200 })
  const memory = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/admin/system`, {
      headers: { Authorization: `Bearer ${operator}` },
    })
    return ((await answer.json()) as { memoryBytes: number }).memoryBytes / MB
  }
  const listeners = await openListeners(port, CONNECTIONS)
  const load = await generator()
  try {
    const order = { port, connections: CALLERS, requests: await mixedRequests() }
    await load.run({ ...order, seconds: WARM_SECONDS })
    const most = await load.run({ ...order, seconds: CAPACITY_SECONDS })
    const capacity = most.done / most.seconds
    const rate = capacity * SHARE
    console.log(
      `${CONNECTIONS} connections; up to ${capacity.toFixed(0)} requests a second; ${MINUTES} min at ${rate.toFixed(0)}`,
    )

    const before = await listeners.heard()
    const began = performance.now()
    const samples: { x: number; y: number }[] = []
    const sampling = setInterval(async () => {
      const y = await memory()
      samples.push({ x: (performance.now() - began) / 60_000, y })
    }, 1_000)
    const result = await load.run({ ...order, seconds: MINUTES * 60, rate, tolerant: true })
    clearInterval(sampling)
    await sleep(1_000)
    const after = await listeners.heard()

    const sent = result.done + result.failed
    const warm = samples.filter(({ x }) => x > MINUTES / 5)
    const sizes = warm.map(({ y }) => y)
    const growth = slope(warm)
    const second = slope(warm.slice(Math.floor(warm.length / 2)))
    console.log(
      `requests     ${sent}, failed ${result.failed} (${((100 * result.failed) / sent).toFixed(3)} %)`,
    )
    console.log(`latency      p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms`)
    console.log(
      `connections  ${after.open} opened, ${after.closed} ended; ${after.events - before.events} events, ${after.gaps} gaps`,
    )
    console.log(
      `server RSS   ${Math.min(...sizes).toFixed(0)} to ${Math.max(...sizes).toFixed(0)} MB after ${(MINUTES / 5).toFixed(1)} min; ` +
        `${growth.toFixed(2)} MB/min by a linear fit, ${second.toFixed(2)} over the last half`,
    )
    console.log(
      `every 10 s   ${samples
        .filter((_, i) => i % 10 === 0)
        .map(({ y }) => y.toFixed(0))
        .join(' ')}`,
    )
    report('load', [
      compare({
        what: 'answered at 70 % of capacity',
        unit: '/s',
        ours: [result.done / result.seconds],
        limit: { name: 'sent', rounds: [rate] },
        direction: '≥',
        goal: 0.99,
      }),
      compare({
        what: 'events without a gap',
        unit: '',
        ours: [after.events - before.events],
        limit: { name: 'written', rounds: [events(result.done)] },
        direction: '≥',
        goal: 0.99,
      }),
    ])
    if (result.failed > 0 || after.gaps > 0 || after.closed > 0) process.exitCode = 1
  } finally {
    load.end()
    listeners.end()
  }
}

/** Two for each payment. */
function events(requests: number): number {
  return requests * (MIX.filter((kind) => kind === 'pay').length / MIX.length) * 2
}
