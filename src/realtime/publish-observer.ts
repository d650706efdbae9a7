import type { LedgerEvent } from '../ledger/event.ts'

/** Is told what the outbox does. Nothing waits for it, and it may not throw. */
export interface PublishObserver {
  /** One commit's events go to the bus. What it answers is called once they are there, or failed to get there. */
  publishing(events: readonly LedgerEvent[]): (published: boolean) => void
  /** The sweep took on so many commits that nobody had published in time. */
  swept?(commits: number): void
}
