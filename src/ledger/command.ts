import { createHash } from 'node:crypto'
import type { RefusalCode } from '../lib/api-error.ts'
import type { LedgerEvent } from './event.ts'
import { MAX_MINOR } from './money.ts'

export type { RefusalCode }

/** The SQL type `transaction_type` has the same names in the same order. */
export const TRANSACTION_TYPES = [
  'topup',
  'booking_payment',
  'refund',
  'admin_adjustment',
  'transfer',
  'withdrawal',
  'hold',
] as const

export type TransactionType = (typeof TRANSACTION_TYPES)[number]

/** The types that take money out of a wallet, and so may have a spending limit. */
export const LIMITED_TYPES = [
  'booking_payment',
  'transfer',
  'withdrawal',
  'hold',
] as const satisfies readonly TransactionType[]

export type LimitedType = (typeof LIMITED_TYPES)[number]

/** The types that an admin decides on. */
export const REQUEST_TYPES = ['topup', 'withdrawal'] as const satisfies readonly TransactionType[]

export type RequestType = (typeof REQUEST_TYPES)[number]

/**
 * `pending` changes once. The others are final. Only a hold becomes `expired`. The SQL type `transaction_status` has
 * the same names in the same order.
 */
export const TRANSACTION_STATUSES = [
  'pending',
  'success',
  'failed',
  'cancelled',
  'expired',
] as const

export type TransactionStatus = (typeof TRANSACTION_STATUSES)[number]

export type Operation =
  | 'topup_request'
  | 'topup_cancel'
  | 'topup_process'
  | 'payment'
  | 'refund'
  | 'adjustment'
  | 'transfer'
  | 'withdrawal_request'
  | 'withdrawal_process'
  | 'hold'
  | 'hold_capture'
  | 'hold_void'
  | 'hold_expire'

/** One instruction to the ledger. The SQL type `ledger_command` has the same fields in snake case. */
export interface Command {
  op: Operation
  tenant: string
  /** The caller: the token's `sub`, or `system`. Idempotency keys are counted per actor. */
  actor: string
  /**
   * The wallet's owner, for operations that open a transaction. With a `transactionId`: the transaction must belong to
   * this user, or it is `not_found`.
   */
  userId?: string
  /** Only for `transfer`: the receiver. */
  toUserId?: string
  currency?: string
  /** Minor units, positive; signed for `adjustment`. `refund` and `hold_capture` take the whole amount without it. */
  amount?: bigint
  transactionId?: string
  /** `topup_process`, `withdrawal_process`. */
  status?: 'success' | 'failed'
  description?: string
  adminNotes?: string
  referenceId?: string
  referenceType?: string
  metadata?: Record<string, unknown>
  /** Only for `hold`: seconds until it expires. */
  expiresIn?: number
  idempotencyKey?: string
  traceparent?: string
  /** Decide and answer, but change nothing. */
  dryRun?: boolean
  /** Identifies the bulk that this command is a part of: its idempotency key is of no use for another one. */
  bulk?: string
}

/** A transaction as stored. Amounts are in minor units, signed as the user sees them. */
export interface Transaction {
  id: string
  tenant: string
  userId: string
  type: TransactionType
  amount: bigint
  currency: string
  status: TransactionStatus
  description: string | null
  adminNotes: string | null
  processedBy: string | null
  referenceId: string | null
  referenceType: string | null
  previousBalance: bigint | null
  newBalance: bigint | null
  metadata: Record<string, unknown> | null
  /** The refunded part of a payment: positive, and absent without a refund. */
  refundedAmount?: bigint
  /** The original amount of a hold that was captured in part. */
  heldAmount?: bigint
  /** ISO 8601. */
  createdAt: string
  updatedAt: string
}

/** Amounts in minor units of `currency`. */
export interface RefusalDetails {
  currency?: string
  requiredAmount?: bigint
  currentBalance?: bigint
  /** The balance less the held amount. */
  available?: bigint
  shortfall?: bigint
  /** The status or the type of the transaction, if it is the reason. */
  status?: string
  type?: string
  /** The field of the command, if it is the reason. */
  field?: string
  /** The most that would have been accepted. */
  maximum?: bigint
  /** The bound of the spending limit, and the window of a `sum`. */
  limit?: 'amount' | 'sum'
  windowSeconds?: number
}

/** The result of one command. `replayed`: the first answer to this idempotency key, given again. */
export type Outcome =
  | { ok: true; transaction: Transaction; replayed: boolean }
  | { ok: false; code: RefusalCode; details: RefusalDetails; replayed: boolean }

/** The events of one ledger transaction, to be published. `outboxId` names them until then. */
export interface Committed {
  outboxId: string
  events: LedgerEvent[]
}

/** A command with the fields of the SQL type `ledger_command`. */
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

/** An amount too large for SQL's bigint becomes the nearest one that the ledger refuses. */
function inRange(amount: bigint): bigint {
  if (amount > MAX_MINOR) return MAX_MINOR + 1n
  return amount < -MAX_MINOR ? -MAX_MINOR - 1n : amount
}

/** Two commands are the same to an idempotency key if all fields but the key and the trace are equal. */
export function hashOf(command: Command): string {
  const { idempotencyKey: _key, traceparent: _trace, dryRun: _dry, ...asked } = command
  const fields = Object.entries(asked)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify(fields, (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return createHash('sha256').update(text).digest('base64url')
}
