import { readFileSync } from 'node:fs'
import type { Shares } from './top.ts'

/** The time of one load: before the optimisation, and now. */
export interface Profile {
  what: string
  before?: Shares
  now?: Shares
}

export const PROFILES: readonly Profile[] = JSON.parse(
  readFileSync(new URL('profiles.json', import.meta.url), 'utf8'),
)
