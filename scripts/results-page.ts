import { PROFILES, type Profile } from '../bench/profile/profiles.ts'
import type { Share, Shares } from '../bench/profile/top.ts'
import { cellsOf } from '../bench/report.ts'
import { keptRuns, type Run } from '../bench/results.ts'
import type { Row } from '../bench/row.ts'

/** The method of each bench, and its comparison. */
const METHODS: Record<string, string> = {
  ledger:
    'The ledger’s SQL function in a private Postgres, with `synchronous_commit` off. `pgbench` calls it with one command a call, and Node calls it in batches. The reference is the smallest possible transfer (`bench/ledger/minimal.sql`).',
  reads:
    '`GET /transactions/balance/cached` of the built server over 64 kept-alive connections, by 1,000 users whose tokens were seen before. The references are two bare servers of `node:http`: one answers the same text to everything; the other checks the token in the same way and sends a GET to Redis for each request. One generator in its own process asks all of them. On two cores it costs every subject the same.',
  writes:
    '`POST /transactions` and `PATCH /transactions/topup/:id/process` of the built server. Every commit is durable, with Redis, publishing and 100 open streams. The reference is the best of 8 and 32 clients of `pgbench` that call the same SQL function with one command a call, in another database of the same Postgres.',
  realtime:
    'The memory of an idle connection and the processor time of a delivery, compared with bare servers of the same protocol. The time from an approval to its event is compared with the sum of the steps that cannot be avoided.',
  growth:
    'The cost of one operation while rows, users and connections grow a hundredfold. The limit is the cost at the smallest size. [ledger.md](../docs/ledger.md) has all queries, including those that may grow.',
  webhooks:
    'Payments over HTTP with 8 and 64 callers, with and without a webhook that gets their events, by turns. Then the events that a server without requests sends to a receiver that takes 50 ms, two of each user; the reference is a bare client with 64 connections.',
  peers:
    'The whole server compared with the usual way to build the same API: NestJS, TypeORM, a Socket.IO gateway and ioredis (`bench/peers/nest`), with row locks, publishing after the commit. Our fan-out compared with better-sse, and with Socket.IO and its Redis adapter.',
  startup:
    'In production: the built server until `/health/ready`, with Postgres and Redis running. The reference is a bundle of the same libraries that only connects and listens, built and started in the same way. On a developer’s machine: `npm start` until the first answer, with an empty data folder (cold) and the second time (warm).',
}

/** Goals that are missed, or were in some run, with figures of separate measurements. */
const MISSES = [
  '- **One payment a call** (ledger): by the backend’s processor time, a single call costs 3.8 to 4.1 minimal transfers. Of 100 parts of the function: 14 read the command and find its wallet, 12 lock the wallet and load its account, 23 decide and build the rows, 13 are the two updates, 12 insert the transaction, 7 the entry, 9 the events, 4 the outbox row, 3 write the answer, 3 lie between. Leaving out one part saved: the entry 9 %, both events 13 % (one in place of two: 8 %), the transaction 11 %, its five partial indexes 8 %, the outbox row 8 %, the hash 3 %, the whole answer 11 %. One statement with CTEs for all inserts saved 2 %. A payment as a single statement, without refusals, limits and keys, still costs 2.6 minimal transfers (0.38 of the rate). It would mean writing every rule twice.',
  '- **One hot user** (ledger): one wallet is served by one core. Of 100 parts of a batch of 128: 15 read the commands, 27 decide and build the rows, 14 insert the transactions, 7 the entries, 16 the events, 15 write the answer as JSON, 5 are done once for the batch. Leaving out one part saved per command: the entry 9 %, both events 18 % (one in place of two: 12 %), the transaction 16 %, the hash 4 %, the id 4 %, the JSON of the changes 18 %. Inlining the funds check saved 13 % (8 % with 10,000 users). The goal is ten times single calls, and single calls became faster too.',
  '- **An idle connection over SSE**: the server keeps a stream, a subscriber and a sink beside the response: 5.3 KB of heap in use, compared with 5.0 KB. The memory that a process takes from the machine grows in steps, so one more connection cost between 4 and 11 KB, in ours and in the bare server. In single runs the ratio was 0.79 with 5,000 connections and 0.92 with 10,000.',
  '- **An idle connection over WebSocket**: in one run with 10,000 connections it was 4.87 KB compared with 3.75 KB (1.30). Socket.IO in the same run: 12.80 compared with 12.07 (1.06).',
  '- **One user’s event over SSE**: a delivery looks up the user, cuts the message and writes to the socket. A bare write does only the last step. Of 100 parts of a CPU profile, 56 are the write itself, 13 check and cut the message, 11 hand it to the connections, 7 look up the user, and no other function takes more than 2. Writing one string in place of a buffer, past the response, takes 0.95 of the time. Leaving out the cork, which joins the writes of one turn, saves nothing. Slower machines have a lower ratio, because JavaScript slows down more than the kernel.',
  '- **One user’s event over Socket.IO**: the cost of a delivery over SSE, plus a longer frame. The last four runs reached 0.49, 0.51, 0.58 and 0.61 of the bare socket.',
  '- **PATCH → event, median**: the reference has no routing, no token, no message to build and no stream to the client. Of 100 parts from the request to the write on the stream: 11 until the command is handed over, 63 until Postgres has answered, 8 to read the answer and write the messages, 6 until Redis has them, 8 until they are read, 4 to deliver. HTTP answers used to be built before the messages were read. Since they wait one turn, the ratio is 0.06 lower, at 0.95 to 1.01 of the writes a second (1, 64 and 256 callers, medians of seven rounds).',
  '- **Production start**: most of it compiles and evaluates the libraries, as the bare bundle does too. Node 22.1 and newer keep the compiled code between starts through `module.enableCompileCache`. Node 20 compiles it each time.',
  '- **npm start, cold**: most of it is `initdb`, which writes a cluster and syncs it to disk. Six cold starts of this revision and of the one before it, in turn, took the same time: medians of 2.94 s, from 2.56 to 3.28 s.',
  '- **Beside NestJS**: twenty times its writes would be about three quarters of what the ledger does in batches from Node without HTTP, Redis or events. The limit is Node’s main thread, whose share of a payment is shown below. A quarter of it is garbage collection; another quarter is the kernel and Node’s built-ins. Tried: a young generation of 64 MB in place of 32 takes 0.87 of the processor time of a payment, and 1.08 of a cached read; 128 MB 0.88, 16 MB 1.03. Messages and cache entries written without copies: 0.95 (kept). Where seven times its reads are missed, ours equal `node:http` with a fixed text.',
  '- **Beside pgledger**: its transfer is one row and two entries. Our payment is a row, an entry with both sides, two events and an outbox row, under limits, holds and keys. Without the events and the outbox row, a single call takes a fifth less (above).',
  '- **A rare type in the list of all** (growth): fifty rows of it lie in 6 blocks of 10,000 rows, in 23 of 100,000, and in 54 of 1,000,000. The query reads one block for each row and no more.',
  '- **Analytics of 10,000,000 entries over a year** (growth): `npm run bench:growth -- analytics 10000000`. The machine was shared (load 9 to 15 on two cores), so processor time of the backend says more than the clock: a year by day 17 ms (532 blocks; by the clock 40 to 171 ms with Node), of Berlin 44 ms, of India 156 ms, movers of 30 days 710 ms (7,043 blocks, one scan of an index; by the clock 1.6 to 3.2 s). Cohorts by week: 1 to 15 ms by the clock, 18 blocks.',
]

/** Writes bench/RESULTS.md, the diary of measurements, from the newest whole run and the stored CPU profiles. */
export function resultsPage([run, before]: readonly Run[] = keptRuns()): string {
  if (!run) throw new Error('bench/results.jsonl holds no run: npm run bench -- --keep')
  return `# Results

The diary of measurements. \`npm run docs\` writes it from the last line of [results.jsonl](results.jsonl), to which
\`npm run bench -- --keep\` adds a line. Without \`--keep\` the line goes to a file that git ignores. A short summary is
[docs/reference/performance.md](../docs/reference/performance.md).

A figure is the median of the rounds, with the lowest and the highest in brackets. A ratio compares two figures of the
same round, and its median counts. Other work on the machine changes the figures, so compare the ratios.

- ${conditions(run)}${before ? `\n- The last column has the ratios of the run before: ${conditions(before)}` : ''}

| ${HEAD.join(' | ')} |
|${HEAD.map(() => '---').join('|')}|
${run.reports.flatMap(({ bench, rows }) => rows.map((row) => `| ${[bench, ...cellsOf(row), ratioIn(before, bench, row)].map(cell).join(' | ')} |`)).join('\n')}

${skipped(run)}## How it is measured

${run.reports.map(({ bench }) => `- **${bench}** (\`npm run bench:${bench}\`): ${METHODS[bench] ?? ''}`).join('\n')}

## Goals that are missed, in this run or in others, and why

${MISSES.join('\n')}

${profiles()}`
}

function profiles(): string {
  if (PROFILES.length === 0) return ''
  return `
## Where the time goes

CPU profiles of the built server’s main thread under load (\`npm run bench:profile\`), self time without idle time:
before the work on speed (revision da010a9), and after it. Functions have the names of those revisions. The profiler
makes each function slower.

${PROFILES.map(profile).join('\n\n')}
`
}

const HEAD = [
  'bench',
  'what',
  'ours',
  'limit or peer',
  'unit',
  'ratio',
  'goal',
  'reached',
  'run before',
]

const cell = (text: string) => text.replaceAll('|', '\\|')

/** The result of the same row in another run. */
function ratioIn(run: Run | undefined, bench: string, { what, limit }: Row): string {
  const rows = run?.reports.find((report) => report.bench === bench)?.rows ?? []
  const same = rows.find((row) => row.what === what && row.limit.name === limit.name)
  return same?.ratio.median.toFixed(2) ?? ''
}

export function conditions({ at, seconds, machine }: Run): string {
  const { cpu, cores, memoryGb, os, node, postgres, redis, revision, load } = machine
  return `${at.slice(0, 10)}, revision ${revision}: ${cores} cores (${cpu}), ${memoryGb} GB, ${os}; Node ${node}, Postgres ${postgres}, Redis ${redis ?? 'none'}; load ${load} before the run, which took ${seconds} s.`
}

function skipped({ reports }: Run): string {
  const lines = reports.flatMap(({ bench, skipped }) => skipped.map((why) => `- ${bench}: ${why}`))
  return lines.length === 0 ? '' : `Not measured in this run:\n${lines.join('\n')}\n\n`
}

function profile({ what, before, now }: Profile): string {
  if (!before || !now) return ''
  const tops = Array.from(
    { length: Math.max(before.functions.length, now.functions.length) },
    (_, i) => [before.functions[i], now.functions[i]].flatMap(topCells),
  )
  return `### ${what}

| µs of the main thread for a request, by part | before | now |
|---|--:|--:|
${rowsOf([['**all**', String(before.perRequest), String(now.perRequest)], ...partCells(before, now)])}

| top functions before | | top functions now | |
|---|--:|---|--:|
${rowsOf(tops)}`
}

/** Parts that take a microsecond or more, before or now. */
function partCells(before: Shares, now: Shares): string[][] {
  const micros = ({ parts, perRequest }: Shares, name: string) =>
    ((parts.find((part) => part.name === name)?.percent ?? 0) * perRequest) / 100
  const names = new Set([...before.parts, ...now.parts].map(({ name }) => name))
  return [...names]
    .map((name) => ({ name, was: micros(before, name), is: micros(now, name) }))
    .filter(({ was, is }) => Math.max(was, is) >= 1)
    .map(({ name, was, is }) => [name, was.toFixed(1), is.toFixed(1)])
}

const topCells = (share: Share | undefined) =>
  share ? [`\`${share.name}\``, `${share.percent.toFixed(1)} %`] : ['', '']

const rowsOf = (cells: string[][]) => cells.map((row) => `| ${row.join(' | ')} |`).join('\n')
