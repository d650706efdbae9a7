import type { Health } from '../routes/deps.ts'
import type { EventLoopWatch } from './event-loop-watch.ts'

/** Milliseconds: a client that waits so long for a turn of the event loop has given up. */
const TOO_LONG = 3_000

/**
 * Should this process be let live? One that is stuck for good does not answer at all; one that is stuck
 * again and again says so here, each time for ten seconds. Nothing outside the process plays a part:
 * a restart would not bring it back.
 */
export function livenessOf(watch: Pick<EventLoopWatch, 'longest'>): () => Health {
  return () => {
    const milliseconds = watch.longest
    const ok = milliseconds < TOO_LONG
    const reason = `the event loop was held up for ${(milliseconds / 1000).toFixed(1)} s`
    return { ok, checks: { eventLoop: ok ? { ok } : { ok, reason } } }
  }
}
