import type { EpochOf } from './event.ts'

/** The event stores of an installation, of which each tenant has one. Several tenants may share it. */
export interface EventStores<Store> {
  /** @throws DatabaseUnavailable if the tenant's database was not reached yet */
  of(tenant: string): Store
  epochOf: EpochOf
}

/** Every tenant has the same store. */
export function oneStore<Store extends { epoch: string }>(store: Store): EventStores<Store> {
  return { of: () => store, epochOf: () => store.epoch }
}
