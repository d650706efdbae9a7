import { PROFILES, type Profile } from '../bench/profile/profiles.ts'
import { cellsOf } from '../bench/report.ts'
import { newestRun, type Run } from '../bench/results.ts'
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
    'The cost of one operation as rows, users and connections grow a hundredfold; the limit is the cost at the smallest size. All questions, also those that may grow, are in [ledger.md](ledger.md).',
  peers:
    'The whole server beside the same document built the usual way: NestJS, TypeORM, a Socket.IO gateway and ioredis (`bench/peers/nest`), with row locks and nothing published before the commit; and our fan-out beside better-sse, and beside Socket.IO with its Redis adapter.',
  startup:
    'In production: the built server with Postgres and Redis up, until `/health/ready`. On one’s own machine: `npm start` until the first answer.',
}

/** docs/performance.md, from the newest whole run and the kept CPU profiles. */
export function performancePage(run: Run | undefined = newestRun()): string {
  if (!run) throw new Error('bench/results.jsonl holds no run: npm run bench')
  return `# Performance

Written by \`npm run docs\` from the last line of [bench/results.jsonl](../bench/results.jsonl); \`npm run bench\` adds
one. A figure is the median of the rounds, with the lowest and the highest; a ratio is taken round by round
from what was measured one after the other, and its median is what counts. What else a machine has to do
shifts the figures; the ratios are what to compare.

${conditions(run)}

| ${HEAD.join(' | ')} |
|${HEAD.map(() => '---').join('|')}|
${run.reports.flatMap(({ bench, rows }) => rows.map((row) => `| ${[bench, ...cellsOf(row)].map(cell).join(' | ')} |`)).join('\n')}

${skipped(run)}## How it is measured

${run.reports.map(({ bench }) => `- **${bench}** (\`npm run bench:${bench}\`): ${METHODS[bench] ?? ''}`).join('\n')}

## Growth

![Cost of one operation as the data grows](growth.svg)

## Where the time goes

Samples of the built server’s main thread under load, self time; what is idle is left out.

${PROFILES.map(profile).join('\n\n')}
`
}

/** docs/growth.svg, of the same run. */
export function growthPicture(run: Run | undefined = newestRun()): string {
  return growthChart((run?.reports ?? []).flatMap(({ rows }) => rows).filter(isGrowth))
}

const HEAD = ['bench', 'what', 'ours', 'limit or peer', 'unit', 'ratio', 'goal', 'reached']

const cell = (text: string) => text.replaceAll('|', '\\|')

function conditions({ at, seconds, machine }: Run): string {
  const { cpu, cores, memoryGb, os, node, postgres, redis, revision, load } = machine
  return `${at.slice(0, 10)}, revision ${revision}: ${cores} cores (${cpu}), ${memoryGb} GB, ${os}; Node ${node}, Postgres ${postgres}, Redis ${redis ?? 'none'}; load ${load} before the run, which took ${seconds} s.`
}

function skipped({ reports }: Run): string {
  const lines = reports.flatMap(({ bench, skipped }) => skipped.map((why) => `- ${bench}: ${why}`))
  return lines.length === 0 ? '' : `Not measured in this run:\n${lines.join('\n')}\n\n`
}

function profile({ what, before, now }: Profile): string {
  const lines = Array.from({ length: Math.max(before.length, now.length) }, (_, i) => {
    const cells = [before[i], now[i]].flatMap((top) =>
      top ? [`\`${top.name}\``, `${top.percent.toFixed(1)} %`] : ['', ''],
    )
    return `| ${cells.join(' | ')} |`
  })
  return `### ${what}\n\n| before | | now | |\n|---|--:|---|--:|\n${lines.join('\n')}`
}
