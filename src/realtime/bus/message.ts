import type { AdminNotice } from '../../ledger/admin-notice.ts'
import {
  type EventMessage,
  type LedgerEvent,
  MESSAGE_FIELDS,
  SENT_FIELDS,
  toMessage,
} from '../../ledger/event.ts'
import { toWire } from '../../ledger/money.ts'
import { stringifyJson } from '../../lib/json.ts'

/**
 * The fields of a message by its event. First come the fields that clients do not get, then those that they
 * get, in their order. So `parseMessage` can cut the payload out of the text.
 */
const ORDERS: ReadonlyMap<string, readonly (keyof EventMessage)[]> = new Map(
  [...SENT_FIELDS].map(([event, shown]) => [
    event,
    [...MESSAGE_FIELDS.filter((field) => !shown.includes(field)), ...shown],
  ]),
)

/** A ledger event as the JSON text of its message on `balance:updates`. */
export function encodeEvent(event: LedgerEvent, epoch: string): string {
  const message = toMessage(event, epoch)
  let text = ''
  for (const field of ORDERS.get(event.event) ?? MESSAGE_FIELDS) {
    const value = message[field]
    if (value === undefined) continue
    const json = typeof value === 'number' ? value : stringifyJson(value)
    text += text === '' ? `{"${field}":${json}` : `,"${field}":${json}`
  }
  return `${text}}`
}

/** A notice as the JSON text of its message on `livebalance:admins`. Amounts are major units. */
export function encodeNotice(notice: AdminNotice, epoch: string): string {
  const { tenant, amount, currency, ...rest } = notice
  return stringifyJson({
    ...rest,
    ...(amount !== undefined && currency !== undefined && { amount: toWire(amount, currency) }),
    currency,
    tenantId: tenant,
    epoch,
  })
}
