import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Protocol } from './clients.ts'
import { latency } from './latency.ts'
import type { Answer, Question } from './subject.ts'
import type { SubjectName } from './subjects.ts'

/** Idle connections, of which the first are then given events. */
const CONNECTIONS = Number(process.argv[2] ?? 5000)
const USERS = 1000
const ROUNDS = 20
const REPEATS = 3

interface Pair {
  protocol: Protocol
  raw: SubjectName
  /** Goals, as ratios to raw. */
  memory: number
  cpu: number
}

const PAIRS: Pair[] = [
  { protocol: 'SSE', raw: 'raw SSE', memory: 1.1, cpu: 1.25 },
  { protocol: 'WebSocket', raw: 'raw ws', memory: 1.25, cpu: 1.25 },
  { protocol: 'Socket.IO', raw: 'bare Socket.IO', memory: 1.1, cpu: 1.25 },
]

const here = (file: string) => new URL(file, import.meta.url).pathname
const execArgv = ['--import', 'tsx', '--expose-gc']

async function ask(child: ChildProcess, question: Question): Promise<number> {
  child.send(question)
  const [answer] = (await once(child, 'message')) as [Extract<Answer, { value: number }>]
  return answer.value
}

/** Bytes of an idle connection, and CPU microseconds of a delivery. */
async function measure(name: SubjectName, protocol: Protocol): Promise<[number, number]> {
  const subject = fork(here('subject.ts'), [name], { execArgv })
  const [{ port }] = (await once(subject, 'message')) as [{ port: number }]
  const open = async (count: number) => {
    const clients = fork(here('clients.ts'), [String(port), protocol, String(count)], { execArgv })
    await once(clients, 'message')
    return clients
  }
  // Code is compiled and heaps have grown before anything is counted.
  const warm = await open(20)
  await ask(subject, { ask: 'deliver', users: 20, rounds: 500, firstSeq: 1 })
  warm.kill()
  await new Promise((resolve) => setTimeout(resolve, 500))
  const before = await ask(subject, { ask: 'memory' })
  const clients = await open(CONNECTIONS)
  const after = await ask(subject, { ask: 'memory' })
  const costs: number[] = []
  for (let i = 0; i < REPEATS; i++) {
    const firstSeq = 1 + i * ROUNDS
    costs.push(await ask(subject, { ask: 'deliver', users: USERS, rounds: ROUNDS, firstSeq }))
  }
  clients.kill()
  subject.kill()
  return [(after - before) / CONNECTIONS, median(costs)]
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function row(what: string, ours: number, limit: number, unit: string, goal: number): void {
  const ratio = ours / limit
  const verdict = ratio <= goal ? 'reached' : 'MISSED'
  const figures = [ours, limit].map((n) => n.toFixed(unit === 'ms' ? 2 : 1).padStart(8)).join('')
  console.log(
    `${what.padEnd(44)}${figures} ${unit.padEnd(3)}${ratio.toFixed(2).padStart(6)} ≤ ${goal}  ${verdict}`,
  )
}

console.log(`${CONNECTIONS} idle connections; ${USERS * ROUNDS} deliveries, median of ${REPEATS}`)
console.log(`${''.padEnd(44)}${'ours'.padStart(8)}${'limit'.padStart(8)}     ratio  goal`)
for (const { protocol, raw, memory, cpu } of PAIRS) {
  const [rawMemory, rawCpu] = await measure(raw, protocol)
  const [ourMemory, ourCpu] = await measure('ours', protocol)
  row(
    `${protocol}: idle connection, beside ${raw}`,
    ourMemory / 1024,
    rawMemory / 1024,
    'KB',
    memory,
  )
  row(`${protocol}: CPU of a delivery, beside ${raw}`, ourCpu, rawCpu, 'µs', cpu)
}
const { event, parts } = await latency()
row('PATCH → event, p50, beside its parts', event.p50, parts.p50, 'ms', 1.15)
row('PATCH → event, p99, beside its parts', event.p99, parts.p99, 'ms', 1.25)
