import { createHash } from 'node:crypto'
import type { RefusalCode } from '../lib/api-error.ts'
import type { DeedOrigin } from './deed.ts'
import type { LedgerEvent, Overage } from './event.ts'
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
  'split',
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

/** The types that an admin decides on. An adjustment or a refund waits only for a second admin. */
export const REQUEST_TYPES = [
  'topup',
  'withdrawal',
  'admin_adjustment',
  'refund',
] as const satisfies readonly TransactionType[]

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
  | 'topup_note'
  | 'payment'
  | 'refund'
  | 'adjustment'
  | 'transfer'
  | 'withdrawal_request'
  | 'withdrawal_process'
  | 'adjustment_process'
  | 'refund_process'
  | 'hold'
  | 'hold_extend'
  | 'hold_capture'
  | 'hold_void'
  | 'hold_expiring'
  | 'hold_expire'

/** To whom a part of a payment goes: to a user, or to the house's fee account of this name. */
export type Payee = { to: string } | { fee: string }

/** A part of a payment: a fixed amount in minor units, or a share of what the fixed amounts leave. */
export type SplitPart = Payee & ({ amount: bigint } | { share: number })

/** A part of a payment that was split, or of its refund. */
export type PaidPart = Payee & {
  /** Minor units, positive. */
  amount: bigint
  /** Of a payment: how much of it was given back. */
  refunded?: bigint
  /** The payee's transaction. A fee has none. */
  transactionId?: string
}

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
  /** Only for `payment` and a final `hold_capture`: who gets the money. Without it the house does. */
  split?: SplitPart[]
  currency?: string
  /** Minor units, positive; signed for `adjustment`. `refund` and `hold_capture` take the whole amount without it. */
  amount?: bigint
  transactionId?: string
  /** Of an operation that ends with `_process`. */
  status?: 'success' | 'failed'
  description?: string
  adminNotes?: string
  referenceId?: string
  referenceType?: string
  metadata?: Record<string, unknown>
  /** `hold`, `hold_extend`: seconds until it expires. `hold_expiring`: it must expire within so many seconds. */
  expiresIn?: number
  /** Only for `hold_capture`: false if more captures follow. Their sum is one entry at the end of the hold. */
  final?: boolean
  /** Only for `hold`: what a capture above the rest of the hold takes. Default `refuse`. */
  overage?: Overage
  idempotencyKey?: string
  traceparent?: string
  /** On whose authority, if it is not a person who decides. */
  role?: 'service' | 'provider' | 'application'
  /** Of a deed: which request it came by. The ledger notes the deed without it too. */
  origin?: DeedOrigin
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
  /** Where two admins must agree: the first one, and when (ISO 8601). The second one is `processedBy`. */
  approvedBy?: string
  approvedAt?: string
  referenceId: string | null
  referenceType: string | null
  previousBalance: bigint | null
  newBalance: bigint | null
  metadata: Record<string, unknown> | null
  /** To whom the payment went, or from whom a refund came. */
  split?: PaidPart[]
  /** The refunded part of a payment: positive, and absent without a refund. */
  refundedAmount?: bigint
  /** What a hold held of which another amount was captured. */
  heldAmount?: bigint
  /** Only of a hold: what its captures took so far. It is charged when the hold ends. */
  capturedAmount?: bigint
  /** Only of a hold. ISO 8601. */
  expiresAt?: string
  overage?: Overage
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
  /** Of a hold: what it holds, and what its captures took of that. */
  heldAmount?: bigint
  capturedAmount?: bigint
  /** The bound of the spending limit, and the window of a `sum`. */
  limit?: 'amount' | 'sum'
  windowSeconds?: number
  /** Which side of the wallet is frozen, and whose wallet it is if not the command's own. */
  frozen?: 'debits' | 'credits'
  userId?: string
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

/**
 * A command with the fields of the SQL type `ledger_command`.
 * @param brief whether its answer may leave out what the command says
 */
export function toJson(command: Command, brief = false): Record<string, unknown> {
  return {
    op: command.op,
    tenant: command.tenant,
    actor: command.actor,
    user_id: command.userId,
    to_user_id: command.toUserId,
    split: command.split?.map((part) =>
      'amount' in part ? { ...part, amount: part.amount.toString() } : part,
    ),
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
    final: command.final,
    overage: command.overage,
    traceparent: command.traceparent,
    role: command.role,
    origin: command.origin,
    brief: brief || undefined,
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

/** Two commands are the same to an idempotency key if all fields that say what is asked for are equal. */
export function hashOf(command: Command): string {
  const {
    idempotencyKey: _key,
    traceparent: _trace,
    dryRun: _dry,
    role: _role,
    origin: _origin,
    ...asked
  } = command
  const fields = Object.entries(asked)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify(fields, (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return createHash('sha256').update(text).digest('base64url')
}
