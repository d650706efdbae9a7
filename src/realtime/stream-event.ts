import { parseJson } from '../json.ts'
import {
  type BalanceUpdateEvent,
  eventId,
  type LedgerEvent,
  toMessage,
  type Who,
} from '../ledger/event.ts'
import { Frame } from './frame.ts'

/** An event of a user's stream, ready to be sent. */
export interface StreamEvent extends Who {
  seq: number
  event: string
  frame: Frame
  /** Decimal text, for the log. */
  newBalance: string
}

type Field = keyof BalanceUpdateEvent

/** What a client gets of each event: the fields of the documentation, and nothing that names a user. */
const FIELDS: ReadonlyMap<string, readonly Field[]> = new Map([
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

/** From a row of the ledger. */
export function fromLedger(event: LedgerEvent, epoch: string): StreamEvent {
  return fromMessage(toMessage(event, epoch))
}

/** The message in a text from the channel; a string says why it is none of ours. */
export function parseMessage(text: string, epoch: string): BalanceUpdateEvent | string {
  let message: unknown
  try {
    message = parseJson(text)
  } catch {
    return 'not JSON'
  }
  if (message === null || typeof message !== 'object') return 'not an object'
  const { event, userId, tenantId, seq, id } = message as Partial<BalanceUpdateEvent>
  if (typeof event !== 'string' || !/^[a-z_]{1,64}$/.test(event)) return 'no event name'
  if (typeof userId !== 'string' || typeof tenantId !== 'string') return 'no user'
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return 'no seq'
  if (id !== eventId(epoch, seq)) return 'of another database'
  return message as BalanceUpdateEvent
}

/** From a message of the channel. */
export function fromMessage(message: BalanceUpdateEvent): StreamEvent {
  const payload: Partial<Record<Field, unknown>> = {}
  for (const field of FIELDS.get(message.event) ?? UNKNOWN) {
    if (message[field] !== undefined) payload[field] = message[field]
  }
  return {
    tenant: message.tenantId,
    userId: message.userId,
    seq: message.seq,
    event: message.event,
    frame: new Frame(message.event, payload, message.id),
    newBalance: String(message.newBalance),
  }
}
