import type { RefusalCode } from '../lib/api-error.ts'
import type { LedgerEvent } from './event.ts'

export type { RefusalCode }

export type TransactionType =
  | 'topup'
  | 'booking_payment'
  | 'refund'
  | 'admin_adjustment'
  | 'transfer'
  | 'withdrawal'
  | 'hold'

/** `pending` moves on once; the others are final. `expired` is a hold's alone. */
export type TransactionStatus = 'pending' | 'success' | 'failed' | 'cancelled' | 'expired'

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
  /** Who asks: the token's `sub`, or `system`. Idempotency keys are counted per actor. */
  actor: string
  /**
   * The wallet's owner, for operations that open a transaction. For one that names a
   * `transactionId`: set it to say that only this user's transaction will do (others are `not_found`).
   */
  userId?: string
  /** `transfer` alone: who receives. */
  toUserId?: string
  currency?: string
  /** Minor units; positive, but for `adjustment`, which is signed. Optional where a part may be asked for (`refund`, `hold_capture`). */
  amount?: bigint
  transactionId?: string
  /** `topup_process`, `withdrawal_process`. */
  status?: 'success' | 'failed'
  description?: string
  adminNotes?: string
  referenceId?: string
  referenceType?: string
  metadata?: Record<string, unknown>
  /** `hold` alone: seconds until it frees itself. */
  expiresIn?: number
  idempotencyKey?: string
  traceparent?: string
}

/** A transaction as the ledger keeps it: minor units, signed as the user sees it. */
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
  /** How much of a payment was given back: positive, and absent while nothing was. */
  refundedAmount?: bigint
  /** ISO 8601. */
  createdAt: string
  updatedAt: string
}

/** Amounts in minor units of `currency`. */
export interface RefusalDetails {
  currency?: string
  requiredAmount?: bigint
  currentBalance?: bigint
  /** The balance less what is held: what there was to spend. */
  available?: bigint
  shortfall?: bigint
  /** Of the transaction, where that is what was wrong. */
  status?: string
  type?: string
  /** The field of the command, where that is what was wrong. */
  field?: string
  /** The most that would have been accepted. */
  maximum?: bigint
  /** Which bound of a spending limit, and the window of a `sum`. */
  limit?: 'amount' | 'sum'
  windowSeconds?: number
}

/** What became of one command. `replayed`: the first answer to this idempotency key, given again. */
export type Outcome =
  | { ok: true; transaction: Transaction; replayed: boolean }
  | { ok: false; code: RefusalCode; details: RefusalDetails; replayed: boolean }

/** What one ledger transaction committed, to be published: `outboxId` names it until it is. */
export interface Committed {
  outboxId: string
  events: LedgerEvent[]
}

/** The ledger's write side. */
export interface Executor {
  /** Applies one command; resolves once it is committed. Refusals are values; throws only for bugs and outages. */
  execute(command: Command): Promise<Outcome>
}
