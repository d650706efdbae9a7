import {
  type BalanceUpdateEvent,
  type LedgerEvent,
  toMessage,
  type UserRef,
} from '../../ledger/event.ts'
import { Frame } from './frame.ts'

/** An event of a user's stream, ready to be sent. */
export interface StreamEvent extends UserRef {
  seq: number
  event: string
  frame: Frame
  /** W3C trace context of the request that caused it. */
  traceparent?: string | undefined
}

type Field = keyof BalanceUpdateEvent

/** What a client gets of each event: the fields of the documentation, and nothing that names a user. */
export const CLIENT_FIELDS: ReadonlyMap<string, readonly Field[]> = new Map([
  [
    'balance_updated',
    fields('newBalance previousBalance transactionId transactionType amount timestamp'),
  ],
  [
    'transaction_completed',
    fields('transactionId transactionType amount newBalance timestamp status'),
  ],
  ['transaction_failed', fields('transactionId transactionType timestamp status')],
  ['balance_insufficient', fields('requiredAmount currentBalance shortfall timestamp')],
  ['balance_alert', fields('threshold direction newBalance timestamp')],
])

/** For an event that a newer process writes and this one does not know: its seq must not be missing. */
const UNKNOWN = fields('timestamp')

function fields(names: string): readonly Field[] {
  return [...names.split(' '), 'id', 'seq', 'currency'] as Field[]
}

/** The fields of any event that clients get, in order. */
export function clientFields(event: string): readonly Field[] {
  return CLIENT_FIELDS.get(event) ?? UNKNOWN
}

/** From a row of the ledger. */
export function fromLedger(event: LedgerEvent, epoch: string): StreamEvent {
  return fromMessage(toMessage(event, epoch))
}

/** From a message of the channel. */
export function fromMessage(message: BalanceUpdateEvent): StreamEvent {
  const payload: Partial<Record<Field, unknown>> = {}
  for (const field of clientFields(message.event)) {
    if (message[field] !== undefined) payload[field] = message[field]
  }
  return {
    tenant: message.tenantId,
    userId: message.userId,
    seq: message.seq,
    event: message.event,
    frame: new Frame(message.event, payload, message.id),
    traceparent: message.traceparent,
  }
}
