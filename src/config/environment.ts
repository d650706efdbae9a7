import type { z } from 'zod'
import { VARIABLES, type Variables } from './variables.ts'

/** What a bad environment gets: one line per variable, none of which repeats a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Reads every variable.
 * @throws ConfigError that names every bad one, a line each
 */
export function parseVariables(env: Record<string, string | undefined>): Variables {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  // Once in a process: code made for this one schema would cost more than it saves.
  const parsed = VARIABLES.safeParse(set, { jitless: true })
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${complaint(issue)}`)
  throw new ConfigError(problems.join('\n'))
}

function complaint(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_value'
    ? `must be one of ${issue.values.join(', ')}`
    : issue.message
}
