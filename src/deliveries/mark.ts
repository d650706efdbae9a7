import type { Sql } from '../postgres/database.ts'

/** Published commits whose users are marked as due by one statement. */
const COMMITS = 1000

/** A busy process looks for work once a second, and its commits of that time must not wait for the next look. */
const STATEMENTS = 20

/** Marks the users of published commits as due at their targets. */
export async function markDeliveries(sql: Sql): Promise<void> {
  for (let done = 0; done < STATEMENTS; done++) {
    const [row] = await sql<{ taken: number }[]>`select mark_deliveries(${COMMITS}) as taken`
    if ((row?.taken ?? 0) < COMMITS) return
  }
}
