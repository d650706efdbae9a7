import type { Committed } from './command.ts'

/** What was committed and is not known to be published. Rows are found by existence, never by cursor. */
export interface OutboxStore {
  /**
   * The oldest rows that nobody wrote or claimed within the last `olderThanMs`, at most `limit`, and
   * claims them: another claimer skips them (SKIP LOCKED) until as much time has passed again.
   */
  claim(limit: number, olderThanMs: number): Promise<Committed[]>
  /** Deletes the rows; unknown ids are no error (another process was quicker). */
  acknowledge(outboxIds: readonly string[]): Promise<void>
}
