import { readFileSync } from 'node:fs'
import type { Share } from './top.ts'

/** Top functions of one load: before the work on it, and now. */
export interface Profile {
  what: string
  before: Share[]
  now: Share[]
}

export const PROFILES: readonly Profile[] = JSON.parse(
  readFileSync(new URL('profiles.json', import.meta.url), 'utf8'),
)
