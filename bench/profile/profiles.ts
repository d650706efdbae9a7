import { readFileSync } from 'node:fs'
import type { Shares } from './top.ts'

/** Where the time of one load went: before the work on it, and now. */
export interface Profile {
  what: string
  before?: Shares
  now?: Shares
}

export const PROFILES: readonly Profile[] = JSON.parse(
  readFileSync(new URL('profiles.json', import.meta.url), 'utf8'),
)
