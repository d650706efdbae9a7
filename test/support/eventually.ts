import { vi } from 'vitest'

/**
 * Calls `attempt` until it no longer throws or rejects, and gives its value; the last error once
 * `timeout` ms (default 60,000) are over.
 */
export function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeout = 60_000 }: { timeout?: number } = {},
): Promise<T> {
  return vi.waitFor(attempt, { timeout, interval: 10 })
}
