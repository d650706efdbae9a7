import { test as base } from './sample.ts'

export const DAY_SECONDS = 86_400

/** Tests on a ledger whose clock can be wrong. It is right again after each test. */
export const test = base.extend('clock', ({ ledger }, { onCleanup }) => {
  /** Sets the database's clock, as far as the ledger asks it, so many seconds ahead. */
  const set = (seconds: number) =>
    ledger.owner.unsafe(`
      create or replace function ledger_clock() returns timestamptz language sql volatile as $$
        select clock_timestamp() + interval '${seconds} seconds'
      $$`)
  onCleanup(async () => void (await set(0)))
  return {
    set,
    async whileAhead<T>(act: () => Promise<T>): Promise<T> {
      await set(DAY_SECONDS)
      try {
        return await act()
      } finally {
        await set(0)
      }
    },
    /** The database's time. This process's, in milliseconds, may be before an event of the same millisecond. */
    async now(): Promise<string> {
      const [row] = await ledger.owner<{ now: string }[]>`
        select to_json(clock_timestamp()) #>> '{}' as now`
      return row?.now ?? ''
    },
  }
})
