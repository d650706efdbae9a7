import { fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync } from 'node:fs'
import { machine } from './machine.ts'
import { type Report, tableOf } from './report.ts'
import { OWN_RESULTS, RESULTS, type Run } from './results.ts'

/**
 * `npm run bench` runs every benchmark beside its limits, one after the other, each in its own process. It prints one
 * table and appends a line to bench/results.local.jsonl, which git ignores. With `--keep` the line goes to
 * bench/results.jsonl, from which `npm run docs` writes bench/RESULTS.md. With names of benchmarks as arguments it runs
 * only those and writes no line.
 */
const BENCHES: Record<string, { script: string; args: string[] }> = {
  ledger: { script: 'ledger/run.ts', args: ['1', '3'] },
  reads: { script: 'reads/run.ts', args: ['1', '5'] },
  writes: { script: 'writes/run.ts', args: ['1', '3'] },
  webhooks: { script: 'webhooks/run.ts', args: ['2', '3'] },
  realtime: { script: 'realtime/run.ts', args: ['5000'] },
  growth: { script: 'growth/run.ts', args: ['10000', '100000', '1000000'] },
  startup: { script: 'startup.ts', args: ['3'] },
  // Only if `npm run bench:peers` has installed them.
  ...(existsSync(new URL('peers/node_modules', import.meta.url)) && {
    peers: { script: 'peers/run.ts', args: ['1', '3'] },
  }),
}

const keep = process.argv.includes('--keep')
const asked = process.argv.slice(2).filter((argument) => argument !== '--keep')
const unknown = asked.filter((name) => !(name in BENCHES))
if (unknown.length > 0) {
  console.error(
    `No bench is named ${unknown.join(', ')}. There are ${Object.keys(BENCHES).join(', ')}.`,
  )
  process.exit(1)
}

const before = machine()
const began = performance.now()
const reports: Report[] = []
let failures = 0
for (const [name, { script, args }] of Object.entries(BENCHES)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  console.log(`\n== ${name}`)
  const report = await run(script, args)
  if (report) reports.push(report)
  else failures += 1
}
const seconds = Math.round((performance.now() - began) / 1000)
console.log(`\n${tableOf(reports)}\n\n${seconds} s on ${before.cores} × ${before.cpu}`)
if (asked.length === 0 && failures === 0) {
  const line: Run = { at: new Date().toISOString(), seconds, machine: before, reports }
  appendFileSync(keep ? RESULTS : OWN_RESULTS, `${JSON.stringify(line)}\n`)
  console.log(
    keep ? 'Kept: write the pages with npm run docs.' : 'To keep a run: npm run bench -- --keep',
  )
}
process.exit(failures === 0 ? 0 : 1)

/** Undefined if the benchmark failed. It has printed the reason. */
async function run(script: string, args: string[]): Promise<Report | undefined> {
  let report: Report | undefined
  const child = fork(new URL(script, import.meta.url), args, { execArgv: ['--import', 'tsx'] })
  child.on('message', (message) => {
    report = message as Report
  })
  const began = performance.now()
  const [code] = await once(child, 'exit')
  console.log(`${Math.round((performance.now() - began) / 1000)} s`)
  return code === 0 ? report : undefined
}
