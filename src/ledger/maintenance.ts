import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { HoldExpiry, type HoldExpiryOptions } from './hold-expiry.ts'
import { Pruning, type PruningOptions } from './retention.ts'

/** Milliseconds from the call to the first round. */
const AFTER = 500

/**
 * What the ledger does unasked: holds expire, and what is past its time is forgotten. Begins a moment after
 * the function that this returns is called.
 */
export function housekeepingOf(
  options: Omit<HoldExpiryOptions & PruningOptions, 'every' | 'keyRetention'>,
  releases: ShutdownStack,
): () => void {
  const works = [new HoldExpiry(options), new Pruning(options)]
  for (const work of works) releases.add(() => work.stop())
  return () => {
    // It asks over sessions of its own, which take Postgres and this thread longer to open than all of a
    // start to ask: not while somebody waits for the first answer.
    const later = setTimeout(() => {
      for (const work of works) work.start()
    }, AFTER)
    releases.add(async () => clearTimeout(later))
  }
}
