import type { Logger } from '../lib/log.ts'
import { sleep } from '../lib/timeout.ts'
import { codeOf, isComing } from './errors.ts'

const PAUSE_MS = 500
/** Between two lines of the log. */
const REPORT_EVERY_MS = 10_000

export interface WaitOptions {
  /** Time for the first answer. The attempt under way at its end still counts. */
  forMs: number
  log: Pick<Logger, 'info' | 'warn'>
}

/**
 * Calls `use` until the database answers: machines start in any order, and a failover takes some seconds.
 * @throws the error of the last attempt, or any that no waiting cures
 */
export async function whenReachable<T>(
  use: () => Promise<T>,
  { forMs, log }: WaitOptions,
): Promise<T> {
  const begun = performance.now()
  let reported: number | undefined
  for (;;) {
    try {
      const result = await use()
      if (reported !== undefined) log.info('The database answers')
      return result
    } catch (error) {
      const now = performance.now()
      const left = begun + forMs - now
      if (left <= 0 || !isComing(error)) throw error
      if (reported === undefined || now - reported >= REPORT_EVERY_MS) {
        reported = now
        log.warn(
          { code: codeOf(error), secondsLeft: Math.round(left / 1000) },
          'The database does not answer yet: waiting for it (DATABASE_WAIT)',
        )
      }
      await sleep(Math.min(PAUSE_MS, left))
    }
  }
}
