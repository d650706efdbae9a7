import type { LedgerEvent } from '../ledger/event.ts'
import { Histogram, LATENCY_BOUNDS } from '../lib/instruments.ts'
import type { PublishObserver } from './publish-observer.ts'

/** Counts what this process published since its start. */
export class PublishMeter implements PublishObserver {
  /** Seconds until the bus had one commit's events. */
  readonly seconds = new Histogram(LATENCY_BOUNDS)
  events = 0
  /** Attempts that failed: the sweep makes them good. */
  failures = 0
  /** Commits that were left over, and swept up. */
  leftOver = 0

  publishing(events: readonly LedgerEvent[]): (published: boolean) => void {
    const began = performance.now()
    return (published) => {
      if (!published) {
        this.failures += 1
        return
      }
      this.events += events.length
      this.seconds.add((performance.now() - began) / 1000)
    }
  }

  swept(commits: number): void {
    this.leftOver += commits
  }
}
