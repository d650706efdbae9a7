import type { EpochOf } from '../../ledger/event.ts'
import type { ChangeLog } from '../../ledger/event-store.ts'

/** A database whose balances and events are on the bus. */
export interface BusLedger {
  epoch: string
  changes: ChangeLog
  /** Those that live there. Undefined: all that live nowhere else. */
  tenants: readonly string[] | undefined
}

/** The databases of an installation, as the bus knows them. Others can be reached later than the main one. */
export class BusLedgers {
  readonly main: BusLedger
  readonly #others = new Map<string, BusLedger>()

  constructor(main: Omit<BusLedger, 'tenants'>) {
    this.main = { ...main, tenants: undefined }
  }

  add(ledger: BusLedger): void {
    for (const tenant of ledger.tenants ?? []) this.#others.set(tenant, ledger)
  }

  of(tenant: string): BusLedger {
    return this.#others.get(tenant) ?? this.main
  }

  epochOf = ((tenant: string) => this.of(tenant).epoch) satisfies EpochOf

  /** Divides what one script would write with one epoch. */
  byEpoch<T extends { tenant: string }>(items: readonly T[]): (readonly T[])[] {
    if (this.#others.size === 0) return [items]
    const groups = new Map<string, T[]>()
    for (const item of items) {
      const epoch = this.epochOf(item.tenant)
      groups.set(epoch, [...(groups.get(epoch) ?? []), item])
    }
    return [...groups.values()]
  }
}
