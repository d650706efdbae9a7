import { readFileSync } from 'node:fs'

/** The ids of a running Postgres: the postmaster's, and those of its sessions and helpers. */
export function processesOf(postmaster: number): number[] {
  const path = `/proc/${postmaster}/task/${postmaster}/children`
  const children = readFileSync(path, 'utf8').trim().split(' ')
  return [postmaster, ...children.map(Number)]
}
