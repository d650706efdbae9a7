import { PROFILES, type Profile } from '../bench/profile/profiles.ts'
import type { Share, Shares } from '../bench/profile/top.ts'
import { cellsOf } from '../bench/report.ts'
import { keptRuns, type Run } from '../bench/results.ts'
import type { Row } from '../bench/row.ts'
import { growthChart, isGrowth } from './growth-chart.ts'

/** How the figures of each bench come about, and what its limit is. */
const METHODS: Record<string, string> = {
  ledger:
    'The ledger’s SQL function in a private Postgres, `synchronous_commit` off: called by `pgbench` with one command a call, and from Node in batches; beside the least that can be called a transfer (`bench/ledger/minimal.sql`).',
  reads:
    '`GET /transactions/balance/cached` of the built server, 64 kept-alive connections, 1,000 users whose tokens were seen before. Beside it two bare servers of `node:http`: one that answers the same text to everything, and one with the same look at the token and a GET of Redis for each request. All are asked by one generator in a process of its own, which on two cores costs every subject the same.',
  writes:
    '`POST /transactions` and `PATCH /transactions/topup/:id/process` of the built server, every commit durable, with Redis, publishing, and 100 open streams. Beside it the best of 8 and 32 clients of `pgbench` on the same SQL function with one command a call, in a database of its own in the same Postgres.',
  realtime:
    'Memory of an idle connection, CPU of a delivery beside bare servers of the same protocol, and the time from an approval to its event beside the sum of what cannot be done without.',
  growth:
    'The cost of one operation as rows, users and connections grow a hundredfold; the limit is the cost at the smallest size. All questions, also those that may grow, are in [ledger.md](../ledger.md).',
  peers:
    'The whole server beside the same document built the usual way: NestJS, TypeORM, a Socket.IO gateway and ioredis (`bench/peers/nest`), with row locks and nothing published before the commit; and our fan-out beside better-sse, and beside Socket.IO with its Redis adapter.',
  startup:
    'In production: the built server with Postgres and Redis up, until `/health/ready`, beside a bundle of the same libraries that only connects and listens, built and started the same way. On one’s own machine: `npm start` until the first answer, with an empty data folder (cold) and the second time (warm).',
}

/** What was found out about goals that are not reached, or were not in some run, with the figures of separate measurements. */
const MISSES = [
  '- **One payment a call** (ledger): by the backend’s CPU a lone call costs 3.8 to 4.1 minimal transfers. Inside the function, of 100 parts: 14 to read the command and find its wallet, 12 to lock the wallet and load its account, 23 to decide and build the rows, 13 for the two updates, 12 to insert the transaction, 7 the entry, 9 the events, 4 the outbox row, 3 to write the answer, 3 for what lies between. Without a part, the whole call took less by so much: the entry 9 %, both events 13 % (one in place of two: 8 %), the transaction 11 %, its five partial indexes 8 %, the outbox row 8 %, the hash 3 %, the whole answer 11 %; all inserts in one statement with CTEs saved 2 %. A payment as one single statement, without refusals, limits and keys, still costs 2.6 minimal transfers: 0.38 of the rate, at the price of every rule written twice.',
  '- **One hot user** (ledger): all of it runs on one core, for one wallet. Of 100 parts of a batch of 128: 15 to read the commands, 27 to decide and build the rows, 14 to insert the transactions, 7 the entries, 16 the events, 15 to write the answer as JSON, 5 for all that is done once. Without a part, a command took less by so much: the entry 9 %, both events 18 % (one in place of two: 12 %), the transaction 16 %, the hash 4 %, the id 4 %, the JSON of the changes 18 %. Without the funds check as a call of its own, which is now inlined, it takes 13 % less (8 % with 10,000 users). Ten single calls at once, which the goal is ten times of, are now faster too.',
  '- **An idle connection over SSE**: ours keeps a channel, a subscriber and a sink beside the response: 5.3 KB of heap in use, beside 5.0. What a process takes from the machine grows in steps, by which a connection more came to anything between 4 and 11 KB, ours and raw; in single runs the ratio was 0.79 with 5,000 connections and 0.92 with 10,000.',
  '- **An idle connection over WebSocket**: in one run with 10,000 connections 4.87 KB beside 3.75, 1.30 times; the Socket.IO of the same run 12.80 beside 12.07, 1.06 times.',
  '- **One user’s event over SSE**: a delivery is one look for the user, one cut of the message and one write to the socket; beside a bare write, all but the last is on top. Of 100 parts of a CPU profile 56 are the write itself, 13 the check and cut of the message, 11 the hand-over to the connections, 7 the look for the user, and no other function takes more than 2. Written as one string in place of a buffer, and past the response, a delivery takes 0.95 of what it took; without the cork, which makes one write of what a connection gets in one turn, it is no cheaper. On slower machines the same code is at a lower ratio: there JavaScript loses more than the system does.',
  '- **One user’s event over Socket.IO**: what a delivery over SSE takes, and a longer frame. In the last four runs 0.49, 0.51, 0.58 and 0.61 of the bare socket.',
  '- **PATCH → event, median**: the sum beside it has no routing, no look at a token, no writing of the message, and no stream to the client. By marks in the server, of 100 parts from the request to the write on the stream: 11 until the command is handed over, 63 until Postgres has answered, 8 to read that and write the messages, 6 until Redis has them, 8 until they are read, 4 to deliver. The answers over HTTP used to be made before the messages were read; since they wait a turn, the ratio is 0.06 lower, at 0.95 to 1.01 of the writes a second (1, 64 and 256 callers, medians of seven rounds).',
  '- **Production start**: most of it is compiling and evaluating the libraries, which the bare bundle beside it does too. On Node 22.1 and newer `module.enableCompileCache` keeps the compiled code between starts; Node 20 compiles anew each time.',
  '- **npm start, cold**: above all `initdb`, which writes a cluster and has the disk keep it before the first cent stands on it. Six cold starts of this revision and of the one before it, in turn, were as long: medians of 2.94 s, from 2.56 to 3.28 s.',
  '- **Beside NestJS**: twenty times its writes would be about three quarters of what the ledger takes in batches from Node without HTTP, Redis or events. The limit is Node’s main thread, whose share of a payment stands below: a quarter of it is the collection of garbage, another the kernel and Node’s built-ins. Tried: a young generation of 64 MB in place of 32 takes 0.87 of the CPU of a payment, and 1.08 of a cached read’s; 128 MB 0.88, 16 MB 1.03. Messages and cache entries written without copies: 0.95 (taken). Where seven times its reads are missed, they are as many as `node:http` answers with a fixed text.',
  '- **Beside pgledger**: a transfer of it is one row and two entries. A payment of ours is a row, an entry with both sides, two events and what is to be published, under limits, holds and keys; without the events and the outbox row, a lone call takes a fifth less (above).',
  '- **A rare type in the list of all** (growth): fifty rows of it lie in 6 blocks of 10,000 rows, in 23 of 100,000, and in 54 of 1,000,000: one block for each row, and no more than that.',
]

/** docs/reference/performance.md, from the newest whole run and the kept CPU profiles. */
export function performancePage([run, before]: readonly Run[] = keptRuns()): string {
  if (!run) throw new Error('bench/results.jsonl holds no run: npm run bench')
  return `# Performance

Written by \`npm run docs\` from the last line of [bench/results.jsonl](../../bench/results.jsonl); \`npm run bench\` adds
one. A figure is the median of the rounds, with the lowest and the highest; a ratio is taken round by round
from what was measured one after the other, and its median is what counts. What else a machine has to do
shifts the figures; the ratios are what to compare.

- ${conditions(run)}${before ? `\n- The run before, of which the last column tells the ratios: ${conditions(before)}` : ''}

| ${HEAD.join(' | ')} |
|${HEAD.map(() => '---').join('|')}|
${run.reports.flatMap(({ bench, rows }) => rows.map((row) => `| ${[bench, ...cellsOf(row), ratioIn(before, bench, row)].map(cell).join(' | ')} |`)).join('\n')}

${skipped(run)}## How it is measured

${run.reports.map(({ bench }) => `- **${bench}** (\`npm run bench:${bench}\`): ${METHODS[bench] ?? ''}`).join('\n')}

## What misses its goal, in this run or in others, and why

${MISSES.join('\n')}

## Growth

![Cost of one operation as the data grows](growth.svg)

${profiles()}`
}

function profiles(): string {
  if (PROFILES.length === 0) return ''
  return `
## Where the time goes

CPU profiles of the built server’s main thread under load (\`npm run bench:profile\`), self time without what is
idle: before the work on speed (revision da010a9), and now. The profiler itself makes each function dearer.

${PROFILES.map(profile).join('\n\n')}
`
}

/** docs/reference/growth.svg, of the same run. */
export function growthPicture([run]: readonly Run[] = keptRuns()): string {
  return growthChart((run?.reports ?? []).flatMap(({ rows }) => rows).filter(isGrowth))
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

/** What the same line came to in another run. */
function ratioIn(run: Run | undefined, bench: string, { what, limit }: Row): string {
  const rows = run?.reports.find((report) => report.bench === bench)?.rows ?? []
  const same = rows.find((row) => row.what === what && row.limit.name === limit.name)
  return same?.ratio.median.toFixed(2) ?? ''
}

function conditions({ at, seconds, machine }: Run): string {
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
