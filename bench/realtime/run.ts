import { report } from '../report.ts'
import { compare, type Row } from '../row.ts'
import type { Protocol } from './clients.ts'
import { deliveries, perSecond, USERS } from './deliveries.ts'
import { latency } from './latency.ts'
import { SubjectProcess } from './process.ts'
import { ROOM } from './room.ts'
import type { SubjectName } from './subjects.ts'

/**
 * `npm run bench:realtime`: memory of an idle connection, CPU of a delivery and latency, each beside its
 * limit in the same run, in turn. Arguments: idle connections of each transport (5,000), rounds of the
 * memory's measurement (1).
 */
const CONNECTIONS = Number(process.argv[2] ?? 5000)
const MEMORY_ROUNDS = Number(process.argv[3] ?? 1)

/** Connections before the measurement. The first ones also pay for compiled code and room to grow. */
const FIRST = 1000

interface Pair {
  protocol: Protocol
  raw: SubjectName
  /** Goals, as ratios to raw: bytes and CPU of a connection, and deliveries to the room in a CPU second. */
  memory: number
  cpu: number
  room?: number
  /** Deliveries in a CPU second, as a ratio to a bare TCP socket's writes. */
  tcp?: number
}

const PAIRS: Pair[] = [
  { protocol: 'SSE', raw: 'raw SSE', memory: 1.1, cpu: 1.25, tcp: 0.8, room: 1 },
  { protocol: 'WebSocket', raw: 'raw ws', memory: 1.25, cpu: 1.25 },
  { protocol: 'Socket.IO', raw: 'bare Socket.IO', memory: 1.1, cpu: 1.25, tcp: 0.5, room: 0.8 },
]

/** A process with idle connections, and the bytes of each. */
async function idle(name: SubjectName, protocol: Protocol) {
  const subject = await SubjectProcess.start(name, protocol)
  await subject.open(FIRST)
  const before = await subject.ask({ ask: 'memory' })
  await subject.open(CONNECTIONS - FIRST)
  const after = await subject.ask({ ask: 'memory' })
  return { subject, kilobytes: (after - before) / (CONNECTIONS - FIRST) / 1024 }
}

async function rowsOf({ protocol, raw, memory, cpu, room, tcp }: Pair): Promise<Row[]> {
  const bytes = { ours: [] as number[], raw: [] as number[] }
  for (let round = 1; ; round++) {
    const limit = await idle(raw, protocol)
    const ours = await idle('ours', protocol)
    bytes.raw.push(limit.kilobytes)
    bytes.ours.push(ours.kilobytes)
    const rows = [
      compare({
        what: `${protocol}: an idle connection of ${CONNECTIONS}`,
        unit: 'KB',
        ours: bytes.ours,
        limit: { name: raw, rounds: bytes.raw },
        direction: '≤',
        goal: memory,
      }),
    ]
    if (round < MEMORY_ROUNDS) {
      limit.subject.end()
      ours.subject.end()
      continue
    }
    const bare = await SubjectProcess.start('bare TCP', 'TCP')
    await bare.open(USERS)
    const subjects = { ours: ours.subject, raw: limit.subject, bare }
    const one = await deliveries(subjects, 'users')
    const cost = { what: `${protocol}: CPU of a delivery`, unit: 'µs', direction: '≤' as const }
    rows.push(
      compare({ ...cost, ours: one.ours, limit: { name: raw, rounds: one.raw }, goal: cpu }),
    )
    const rate = { unit: '/CPU s', direction: '≥' as const }
    rows.push(
      compare({
        ...rate,
        what: `${protocol}: one user's event`,
        ours: perSecond(one.ours),
        limit: { name: 'bare TCP', rounds: perSecond(one.bare) },
        ...(tcp !== undefined && { goal: tcp }),
      }),
    )
    for (const subject of Object.values(subjects)) await subject.open(USERS, ROOM)
    const all = await deliveries(subjects, 'room')
    rows.push(
      compare({
        ...rate,
        what: `${protocol}: a room of ${USERS}`,
        ours: perSecond(all.ours),
        limit: { name: raw, rounds: perSecond(all.raw) },
        ...(room !== undefined && { goal: room }),
      }),
    )
    for (const subject of Object.values(subjects)) subject.end()
    return rows
  }
}

const rows: Row[] = []
for (const pair of PAIRS) rows.push(...(await rowsOf(pair)))
const skipped: string[] = []
const measured = await latency()
if (measured) {
  const { event, parts } = measured
  const limit = 'HTTP + commit + Redis'
  for (const [of, goal] of [
    ['p50', 1.15],
    ['p99', 1.25],
  ] as const) {
    rows.push(
      compare({
        what: `PATCH → event, ${of}`,
        unit: 'ms',
        ours: event.map((quantiles) => quantiles[of]),
        limit: { name: limit, rounds: parts.map((quantiles) => quantiles[of]) },
        direction: '≤',
        goal,
      }),
    )
  }
} else {
  skipped.push('latency: there is neither redis-server nor valkey-server on the PATH')
}
report('realtime', rows, skipped)
