import type { Sample } from './sample.ts'

/** Runs a statement as the owner with all triggers off, and resolves with the number of rows that it changed. */
export function damage(ledger: Sample, statement: string): Promise<number> {
  return ledger.owner.begin(async (tx) => {
    // For this transaction only.
    await tx`set local session_replication_role = replica`
    return (await tx.unsafe(statement)).count
  })
}
