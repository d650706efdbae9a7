import type { ChangeLog, EventStore } from '../../src/ledger/event-store.ts'

export const EPOCH = 'bench'

export const NO_CHANGES: ChangeLog = {
  changedWithin: async () => ({ wallets: [], next: null }),
}

/** A ledger in which nothing has happened yet, and to which nobody comes back. */
export const EMPTY_LEDGER: EventStore = {
  epoch: EPOCH,
  balance: async (_, currency) => {
    return { balance: 0n, held: 0n, currency, seq: 0, updatedAt: new Date(0).toISOString() }
  },
  eventsAfter: async () => ({ head: 0, events: [] }),
  heads: async (users) => users.map(() => 0),
}
