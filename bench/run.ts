import { fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { machine } from './machine.ts'
import { type Report, tableOf } from './report.ts'

/**
 * `npm run bench`: every bench beside its limits, one after the other, each in a process of its own; then
 * one table of all, and a line in bench/results.jsonl. Names of benches as arguments run those alone, and
 * leave the file as it is: docs/performance.md is written from a whole run.
 */
const BENCHES: Record<string, { script: string; args: string[] }> = {
  startup: { script: 'startup.ts', args: ['3'] },
}

const RESULTS = new URL('results.jsonl', import.meta.url)

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in BENCHES))
if (unknown.length > 0) {
  console.error(`No bench is named ${unknown.join(', ')}: ${Object.keys(BENCHES).join(', ')}`)
  process.exit(1)
}

const before = machine()
const began = performance.now()
const reports: Report[] = []
for (const [name, { script, args }] of Object.entries(BENCHES)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  console.log(`\n== ${name}`)
  reports.push(await run(name, script, args))
}
const seconds = Math.round((performance.now() - began) / 1000)
console.log(`\n${tableOf(reports)}\n\n${seconds} s on ${before.cores} × ${before.cpu}`)
if (asked.length === 0) {
  const at = new Date().toISOString()
  appendFileSync(RESULTS, `${JSON.stringify({ at, seconds, machine: before, reports })}\n`)
}
process.exit(reports.some(({ skipped }) => skipped.includes(FAILED)) ? 1 : 0)

const FAILED = 'the bench failed'

async function run(name: string, script: string, args: string[]): Promise<Report> {
  let report: Report | undefined
  const child = fork(new URL(script, import.meta.url), args, { execArgv: ['--import', 'tsx'] })
  child.on('message', (message) => {
    report = message as Report
  })
  await once(child, 'exit')
  return report ?? { bench: name, rows: [], skipped: [FAILED] }
}
