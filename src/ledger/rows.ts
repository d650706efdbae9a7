import type { Command, Payee, RefusalDetails, Transaction } from './command.ts'
import type { LedgerEvent, Overage } from './event.ts'

/**
 * Rows as SQL's own JSON functions write them. Amounts are within 2^53 - 1, so `JSON.parse` has them
 * exactly. Timestamps are ISO 8601 in UTC (`+00:00`) with microseconds.
 */
export interface TransactionRow {
  id: string
  tenant: string
  user_id: string
  type: Transaction['type']
  amount: number
  currency: string
  status: Transaction['status']
  description: string | null
  admin_notes: string | null
  processed_by: string | null
  /** Missing in answers that were stored before there were any. */
  approved_by?: string | null
  approved_at?: string | null
  reference_id: string | null
  reference_type: string | null
  previous_balance: number | null
  new_balance: number | null
  metadata: Record<string, unknown> | null
  split?: PartRow[] | null
  /** Not in the answers of `ledger_apply()`, whose transactions have no refund yet. */
  refunded?: number
  held_amount: number | null
  expires_at: string | null
  /** Null of every other type. */
  hold_state: { captured: number; overage: Overage } | null
  created_at: string
  updated_at: string
}

/** A part of a split, with the ids of wallets and accounts, which nobody else is told. */
export type PartRow = Payee & {
  amount: number
  refunded?: number
  transactionId?: string
  wallet?: number
  account?: number
}

/** A row of the view `event_stream`. */
export interface EventRow {
  tenant: string
  user_id: string
  seq: number
  event: LedgerEvent['event']
  currency: string
  new_balance: number
  previous_balance: number | null
  transaction_id: string | null
  transaction_type: string | null
  status: string | null
  amount: number | null
  /** Fields that only some events have, with the names of `LedgerEvent`. */
  details: Record<string, unknown> | null
  traceparent: string | null
  created_at: string
}

/** The effect of a command on a wallet: the SQL type `ledger_change`. */
export interface ChangeRow extends Pick<EventRow, 'seq' | 'details' | 'traceparent'> {
  /** A refused debit has no transaction: then the id is null. */
  transaction: Omit<TransactionRow, 'id'> & { id: string | null }
  /** The names of the user's events, in order. The last one has this `seq`. */
  events: LedgerEvent['event'][]
  balance: number
}

/** A change as `ledger_apply()` answers it to brief commands, where it is a payment: what the ledger added. */
export interface BriefPayment extends Pick<ChangeRow, 'seq' | 'balance'> {
  id: string
  at: string
}

/** The change of a payment that succeeded. The command has neither a split nor metadata. */
export function toPaymentChange(
  command: Command,
  { id, at, seq, balance }: BriefPayment,
): ChangeRow {
  const amount = Number(command.amount)
  return {
    transaction: {
      id,
      tenant: command.tenant,
      user_id: command.userId as string,
      type: 'booking_payment',
      amount: -amount,
      currency: command.currency as string,
      status: 'success',
      description: command.description ?? null,
      admin_notes: command.adminNotes ?? null,
      processed_by: null,
      reference_id: command.referenceId ?? null,
      reference_type: command.referenceType ?? null,
      previous_balance: balance + amount,
      new_balance: balance,
      metadata: null,
      held_amount: null,
      expires_at: null,
      hold_state: null,
      created_at: at,
      updated_at: at,
    },
    events: ['balance_updated', 'transaction_completed'],
    seq,
    balance,
    details: null,
    traceparent: command.traceparent ?? null,
  }
}

export function toTransaction(row: TransactionRow): Transaction {
  return {
    id: row.id,
    tenant: row.tenant,
    userId: row.user_id,
    type: row.type,
    amount: BigInt(row.amount),
    currency: row.currency,
    status: row.status,
    description: row.description,
    adminNotes: row.admin_notes,
    processedBy: row.processed_by,
    ...(row.approved_by && { approvedBy: row.approved_by }),
    ...(row.approved_at && { approvedAt: toIso(row.approved_at) }),
    referenceId: row.reference_id,
    referenceType: row.reference_type,
    previousBalance: row.previous_balance === null ? null : BigInt(row.previous_balance),
    newBalance: row.new_balance === null ? null : BigInt(row.new_balance),
    metadata: row.metadata,
    ...(row.split && { split: row.split.map(toPart) }),
    ...(row.refunded && { refundedAmount: BigInt(row.refunded) }),
    ...(row.held_amount !== null && { heldAmount: BigInt(row.held_amount) }),
    ...(row.hold_state && {
      capturedAmount: BigInt(row.hold_state.captured),
      overage: row.hold_state.overage,
    }),
    ...(row.expires_at && { expiresAt: toIso(row.expires_at) }),
    createdAt: toIso(row.created_at),
    updatedAt: toIso(row.updated_at),
  }
}

function toPart({ amount, refunded, wallet: _, account: __, ...part }: PartRow) {
  return {
    ...part,
    amount: BigInt(amount),
    ...(refunded !== undefined && { refunded: BigInt(refunded) }),
  }
}

export function toEvent(row: EventRow): LedgerEvent {
  const event: LedgerEvent = {
    tenant: row.tenant,
    userId: row.user_id,
    seq: row.seq,
    event: row.event,
    currency: row.currency,
    timestamp: toIso(row.created_at),
    newBalance: BigInt(row.new_balance),
  }
  if (row.previous_balance !== null) event.previousBalance = BigInt(row.previous_balance)
  if (row.transaction_id !== null) event.transactionId = row.transaction_id
  if (row.transaction_type !== null) event.transactionType = row.transaction_type
  if (row.status !== null) event.status = row.status
  if (row.amount !== null) event.amount = BigInt(row.amount)
  if (row.traceparent !== null) event.traceparent = row.traceparent
  return Object.assign(event, withAmounts(row.details))
}

/** The events of a change, as `ledger_apply()` writes them to the table. */
export function toEvents(change: ChangeRow): LedgerEvent[] {
  const { transaction, events, seq, balance, details, traceparent } = change
  return events.map((event, i) =>
    toEvent({
      tenant: transaction.tenant,
      user_id: transaction.user_id,
      seq: seq - events.length + 1 + i,
      event,
      currency: transaction.currency,
      new_balance: balance,
      previous_balance:
        event === 'balance_updated' || event === 'balance_alert'
          ? transaction.previous_balance
          : null,
      transaction_id: transaction.id,
      transaction_type: transaction.type,
      status: transaction.status,
      amount: transaction.amount,
      details,
      traceparent,
      created_at: transaction.updated_at,
    }),
  )
}

const AMOUNTS: readonly string[] = [
  'requiredAmount',
  'currentBalance',
  'available',
  'shortfall',
  'maximum',
  'threshold',
  'held',
  'heldAmount',
  'capturedAmount',
  'remaining',
] satisfies (keyof RefusalDetails | keyof LedgerEvent)[]

/** The figures of a refusal or an event, with amounts as bigint. */
export function withAmounts(json: Record<string, unknown> | null): Record<string, unknown> {
  const figures = { ...json }
  for (const key of AMOUNTS) {
    if (typeof figures[key] === 'number') figures[key] = BigInt(figures[key])
  }
  return figures
}

/** A time of the driver as ISO 8601, to the millisecond. */
export const isoOf = (time: Date): string => toIso(time.toISOString())

/**
 * A page of a list that goes on after the id of its last item.
 * @param rows one more than `limit`, where there are more
 */
export function pageOf<Row, Item extends { id: string }>(
  rows: readonly Row[],
  limit: number,
  convert: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  const items = rows.slice(0, limit).map(convert)
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
}

/** ISO 8601 in UTC, always with six decimals, so that times sort as text. Takes Postgres's and JavaScript's. */
export function toIso(timestamp: string): string {
  const [seconds, fraction = ''] = timestamp.replace(/(?:\+00:00|Z)$/, '').split('.')
  return `${seconds}.${fraction.padEnd(6, '0')}Z`
}
