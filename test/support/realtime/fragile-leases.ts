import type { LeaseStore } from '../../../src/realtime/bus/bus.ts'

/** Leases in memory that a test can make fail, delay and expire. */
export class FragileLeases implements LeaseStore {
  /** All calls reject while it is true. */
  down = false
  /** While it is set, changes of counts wait for it on their way. */
  delay: Promise<void> | undefined
  /** Counts of users, by holder. Only holders with a lease have an entry. */
  readonly #holders = new Map<string, Map<string, number>>()

  async acquire(user: string, holder: string, limit: number): Promise<boolean> {
    await this.#travel()
    if (this.count(user) >= limit) return false
    this.#change(user, holder, 1)
    return true
  }

  async release(user: string, holder: string): Promise<void> {
    await this.#travel()
    this.#change(user, holder, -1)
  }

  async renew(holder: string): Promise<boolean> {
    this.#failIfDown()
    const wasValid = this.#holders.has(holder)
    if (!wasValid) this.#holders.set(holder, new Map())
    return wasValid
  }

  async assert(holder: string, counts: ReadonlyMap<string, number>): Promise<void> {
    this.#failIfDown()
    for (const [user, count] of counts) this.#holders.get(holder)?.set(user, count)
  }

  /** The connections of a user, over all holders. */
  count(user: string): number {
    return [...this.#holders.values()].reduce((sum, counts) => sum + (counts.get(user) ?? 0), 0)
  }

  /** Ends all leases; other processes drop the counts. */
  expire(): void {
    this.#holders.clear()
  }

  #change(user: string, holder: string, by: number): void {
    const counts = this.#holders.get(holder)
    counts?.set(user, (counts.get(user) ?? 0) + by)
  }

  async #travel(): Promise<void> {
    await this.delay
    this.#failIfDown()
  }

  #failIfDown(): void {
    if (this.down) throw new Error('redis is unavailable')
  }
}
