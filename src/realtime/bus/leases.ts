/**
 * Counts each user's connections over all processes. A process holds one lease for all of its counts, so
 * keeping them costs one write a period, and a crashed process's counts end with its lease.
 */
export interface LeaseStore {
  /** Counts one more for `user` in `holder`, unless all holders together have `limit`. */
  acquire(user: string, holder: string, limit: number): Promise<boolean>
  release(user: string, holder: string): Promise<void>
  /** Keeps all counts of `holder` for another `seconds`. @returns whether its lease had not ended yet */
  renew(holder: string, seconds: number): Promise<boolean>
  /** Sets what `holder` counts for each of these users, after changes that failed or were forgotten. */
  assert(holder: string, counts: ReadonlyMap<string, number>): Promise<void>
}
