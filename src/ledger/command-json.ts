import { createHash } from 'node:crypto'
import type { Command } from './command.ts'
import { MAX_MINOR } from './money.ts'

/** A command in the terms of the SQL type `ledger_command`. */
export function toJson(command: Command): Record<string, unknown> {
  return {
    op: command.op,
    tenant: command.tenant,
    actor: command.actor,
    user_id: command.userId,
    to_user_id: command.toUserId,
    currency: command.currency,
    amount: command.amount === undefined ? undefined : inRange(command.amount).toString(),
    transaction_id: command.transactionId,
    status: command.status,
    description: command.description,
    admin_notes: command.adminNotes,
    reference_id: command.referenceId,
    reference_type: command.referenceType,
    metadata: command.metadata,
    expires_in: command.expiresIn,
    traceparent: command.traceparent,
    ...(command.idempotencyKey === undefined
      ? {}
      : { idempotency_key: command.idempotencyKey, command_hash: hashOf(command) }),
  }
}

/** Amounts that SQL's bigint may not even hold become the nearest that the ledger refuses by itself. */
function inRange(amount: bigint): bigint {
  if (amount > MAX_MINOR) return MAX_MINOR + 1n
  return amount < -MAX_MINOR ? -MAX_MINOR - 1n : amount
}

/** What makes two commands the same to an idempotency key: what they ask for, not how it was written or traced. */
function hashOf(command: Command): string {
  const { idempotencyKey: _key, traceparent: _trace, ...asked } = command
  const fields = Object.entries(asked)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify(fields, (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return createHash('sha256').update(text).digest('base64url')
}
