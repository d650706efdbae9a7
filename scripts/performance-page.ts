import { spread } from '../bench/report.ts'
import { keptRuns, type Run } from '../bench/results.ts'
import type { Row } from '../bench/row.ts'
import { growthChart, isGrowth } from './growth-chart.ts'
import { conditions } from './results-page.ts'

/**
 * The rows of the page: its text, then the bench, `what` and, if there are several, the name of the limit, as in
 * bench/results.jsonl.
 */
const SHOWN: readonly (readonly [string, string, string, string?])[] = [
  ['balance reads from the cache', 'reads', 'cached reads', 'node:http hello'],
  ['payments', 'writes', 'payments, 10,000 users, 256 callers'],
  ['payments of one user', 'writes', 'payments, one hot user, 256 callers'],
  ['approvals of topups', 'writes', 'topups approved, 10,000 users, 256 callers'],
  ['from approval to event, median', 'realtime', 'PATCH → event, p50'],
  ['from approval to event, p99', 'realtime', 'PATCH → event, p99'],
  ['memory of an idle connection, SSE', 'realtime', 'SSE: an idle connection of 5000'],
  ['memory of an idle connection, WebSocket', 'realtime', 'WebSocket: an idle connection of 5000'],
  ['memory of an idle connection, Socket.IO', 'realtime', 'Socket.IO: an idle connection of 5000'],
  ['processor time of a delivery, SSE', 'realtime', 'SSE: CPU of a delivery'],
  ['processor time of a delivery, WebSocket', 'realtime', 'WebSocket: CPU of a delivery'],
  ['processor time of a delivery, Socket.IO', 'realtime', 'Socket.IO: CPU of a delivery'],
  ['audit of 1,000,000 entries, each', 'growth', 'audit of 1,000,000 entries, each'],
  ['start in production, until ready', 'startup', 'production, process start to ready'],
]

/** The names of the comparisons on the page. */
const BESIDE: Readonly<Record<string, string>> = {
  'node:http hello': '`node:http` with a fixed text',
  'pgbench, single function': 'the same SQL function by `pgbench`, one command a call',
  'HTTP + commit + Redis': 'one HTTP request, one commit and one Redis publish',
  'raw SSE': 'a bare SSE server',
  'raw ws': 'a bare `ws` server',
  'bare Socket.IO': 'a bare Socket.IO server',
  'a plain SHA-256 and sum of the same': 'SHA-256 and sum of the same rows',
  'node -e 0 and the migrations’ check': '`node -e 0` and the check of the migrations',
}

/** Writes docs/reference/performance.md: the costs of the server in the newest whole run. */
export function performancePage([run]: readonly Run[] = keptRuns()): string {
  if (!run) throw new Error('bench/results.jsonl holds no run: npm run bench -- --keep')
  return `# Performance

\`npm run docs\` writes this page from the newest run in [bench/results.jsonl](../../bench/results.jsonl). Every figure is
the median of several rounds, with the lowest and the highest in brackets. The ratio compares the server with a
reference that was measured in the same round. Ratios are what to compare between machines.

Run of ${conditions(run)}

| what | one server | reference | | ratio |
|---|--:|--:|---|--:|
${SHOWN.map((shown) => line(run, shown)).join('\n')}

The load generator, Postgres and Redis shared the machine with the server. \`/s\` means per second.

## Growth

The cost of one operation does not grow with the data. Each line shows one operation while rows, users or connections
grow a hundredfold.

![Cost of one operation as the data grows](growth.svg)

## How it was measured

- **Reads**: \`GET /transactions/balance/cached\` over 64 kept-alive connections, by 1,000 users.
- **Payments and approvals**: \`POST /transactions\` and \`PATCH /transactions/topup/:id/process\` by 256 callers, with
  10,000 users, Redis, publishing and 100 open streams. Every commit was durable.
- **Approval to event**: from sending the request to receiving the event on an SSE stream.
- **Connections**: the memory that each of 5,000 idle connections added to the server process.
- **Deliveries**: the processor time of the server process for each event, sent to 1,000 users in turn.

## What limits it

- A server is one process and uses one core. Node's main thread is the limit of reads and writes over HTTP.
- All commands of one wallet are applied one after the other, in batches. One busy user is therefore served at about the
  rate of many users.
- About two thirds of the time from approval to event is the call of Postgres.
- About a third of the start is loading code, and a quarter is Node itself. Node 22.1 and newer keep the compiled code
  between starts.

[bench/RESULTS.md](../../bench/RESULTS.md) has every figure, the comparison with other servers and libraries, the goals
that are missed and why, and CPU profiles. \`npm run bench\` measures your machine.
`
}

/** Writes docs/reference/growth.svg from the same run. */
export function growthPicture([run]: readonly Run[] = keptRuns()): string {
  return growthChart((run?.reports ?? []).flatMap(({ rows }) => rows).filter(isGrowth))
}

function line(run: Run, [label, bench, what, limit]: (typeof SHOWN)[number]): string {
  const row = rowOf(run, bench, what, limit)
  const unit = row.unit === '/s' ? '/s' : ` ${row.unit}`
  const { name } = row.limit
  return `| ${label} | ${spread(row.ours)}${unit} | ${spread(row.limit)}${unit} | ${BESIDE[name] ?? name} | ${row.ratio.median.toFixed(2)} |`
}

function rowOf(run: Run, bench: string, what: string, limit?: string): Row {
  const rows = run.reports.find((report) => report.bench === bench)?.rows ?? []
  const row = rows.find(
    (row) => row.what === what && (limit === undefined || row.limit.name === limit),
  )
  if (!row) throw new Error(`bench/results.jsonl: the newest run has no ${bench} “${what}”`)
  return row
}
