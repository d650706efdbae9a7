import { readFileSync } from 'node:fs'
import type { Machine } from './machine.ts'
import type { Report } from './report.ts'

/** A whole run of `npm run bench`: a line of bench/results.jsonl. */
export interface Run {
  /** ISO 8601. */
  at: string
  seconds: number
  machine: Machine
  reports: Report[]
}

/** The committed runs, from which the pages are made. */
export const RESULTS = new URL('results.jsonl', import.meta.url)

/** Runs on anybody's machine. Git ignores this file, and no page is made from it. */
export const OWN_RESULTS = new URL('results.local.jsonl', import.meta.url)

/** The committed runs, the newest first. */
export function keptRuns(): Run[] {
  const lines = readFileSync(RESULTS, 'utf8').trim().split('\n')
  return lines.flatMap((line) => (line ? [JSON.parse(line) as Run] : [])).reverse()
}
