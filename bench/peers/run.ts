import { type Generator, generator, wireRequest } from '../http/load.ts'
import { enough } from '../http/users.ts'
import { openWorld, type World } from '../http/world.ts'
import { report } from '../report.ts'
import { compare, type Row } from '../row.ts'
import { type Contender, livebalance, nest, tokenOf, USERS } from './contender.ts'
import { fanOut } from './fan-out.ts'
import { installPeers } from './installed.ts'
import { eventTimes } from './latency.ts'

/**
 * `npm run bench:peers`: the whole server beside the same API in NestJS with TypeORM, each with its own Postgres and
 * Redis, and only one of them at work at a time. Then our fan-out beside those of better-sse and Socket.IO.
 * Arguments: seconds of each measurement (2), rounds (3).
 */
const SECONDS = Number(process.argv[2] ?? 2)
const ROUNDS = Number(process.argv[3] ?? 3)
const READERS = 64
const WRITERS = 256
const LATENCIES = 200

type Figures = Record<'reads' | 'approvals' | 'payments' | 'latency', number[]>

installPeers()
const worlds = await Promise.all([openWorld(), openWorld()])
const [own, theirs] = worlds
try {
  if (own && theirs) await measure(own, theirs)
  else report('peers', [], ['there is neither redis-server nor valkey-server on the PATH'])
} finally {
  await Promise.all(worlds.map((world) => world?.close()))
}

async function measure(own: World, theirs: World): Promise<void> {
  const contenders = [
    await livebalance(own),
    await nest(theirs, 'KeyObject'),
    await nest(theirs, 'string'),
  ]
  const load = await generator()
  const figures = new Map<Contender, Figures>()
  for (let round = -1; round < ROUNDS; round++) {
    for (const contender of contenders) {
      const taken = await takeRound(load, contender, figures.get(contender)?.approvals)
      // The first round is a warm-up.
      if (round < 0) continue
      const all = figures.get(contender) ?? { reads: [], approvals: [], payments: [], latency: [] }
      for (const key of Object.keys(taken) as (keyof Figures)[]) all[key].push(taken[key])
      figures.set(contender, all)
    }
  }
  load.end()

  const [ours, ...peers] = contenders.map(
    (contender) => [contender.name, figures.get(contender) as Figures] as const,
  )
  if (!ours) throw new Error('nothing was measured')
  report('peers', [
    ...peers.flatMap(([name, peer], i) => rowsOf(ours[1], name, peer, i === 0)),
    ...(await fanOut(theirs.redisUrl)),
  ])
}

/** @param promised whether the goals were set against this peer */
function rowsOf(ours: Figures, name: string, peer: Figures, promised: boolean): Row[] {
  const row = (what: string, key: keyof Figures, goal?: number): Row =>
    compare({
      what,
      unit: key === 'latency' ? 'ms' : '/s',
      ours: ours[key],
      limit: { name, rounds: peer[key] },
      direction: key === 'latency' ? '≤' : '≥',
      ...(promised && goal !== undefined && { goal }),
    })
  return [
    row('cached reads', 'reads', 7),
    row(`approvals, ${WRITERS} callers`, 'approvals', 20),
    row(`payments, ${WRITERS} callers`, 'payments', 20),
    row('PATCH → event over Socket.IO, median', 'latency'),
  ]
}

async function takeRound(
  load: Generator,
  contender: Contender,
  approvedBefore: number[] | undefined,
): Promise<Record<keyof Figures, number>> {
  const { port } = contender
  const rate = async (connections: number, requests: string[], once = false) => {
    const { done, seconds } = await load.run({
      ...{ port, connections, requests, once },
      seconds: SECONDS,
    })
    return done / seconds
  }
  const some = USERS.slice(0, 1_000)
  const forUsers = (request: (token: string) => string) =>
    Promise.all(some.map(async (userId) => request(await tokenOf(userId))))
  const payment = { type: 'booking_payment', amount: 1 }
  const ids = await contender.topups(enough(approvedBefore, SECONDS))
  const admin = await tokenOf('ada', ['admin'])
  const times = await eventTimes(contender, LATENCIES)
  return {
    reads: await rate(
      READERS,
      await forUsers((token) => wireRequest('GET', '/transactions/balance/cached', token)),
    ),
    approvals: await rate(
      WRITERS,
      ids.map((id) =>
        wireRequest('PATCH', `/transactions/topup/${id}/process`, admin, { status: 'success' }),
      ),
      true,
    ),
    payments: await rate(
      WRITERS,
      await forUsers((token) => wireRequest('POST', '/transactions', token, payment)),
    ),
    latency: times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN,
  }
}
