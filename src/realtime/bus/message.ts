import {
  type EventMessage,
  eventId,
  type LedgerEvent,
  MESSAGE_FIELDS,
  SENT_FIELDS,
  toMessage,
} from '../../ledger/event.ts'
import { parseJson, stringifyJson } from '../../lib/json.ts'
import { EventFrame, fromMessage } from '../stream/frame.ts'

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

const NUMBER = '-?(?:0|[1-9]\\d*)(?:\\.\\d+)?'
/** Users, tenants, ids and times: none has a character that JSON must escape. */
const PLAIN = '[\\w.:@+-]*'

/** A whole message as `encodeEvent` writes it. */
const OURS = new RegExp(
  `^\\{"event":"([a-z_]{1,64})","userId":"(${PLAIN})","tenantId":"(${PLAIN})"` +
    `(?:,"[A-Za-z]+":(?:${NUMBER}|"${PLAIN}"))*` +
    `,"id":"(${PLAIN})","seq":([1-9]\\d{0,14}),"currency":"[A-Z]{3}"\\}$`,
)

/** The first field for clients, by event. The payload begins there. */
const CUTS: ReadonlyMap<string, string> = new Map(
  [...SENT_FIELDS].map(([event, [first]]) => [event, `,"${first}":`]),
)

/** The event in a text from the channel, or a string with the reason why the text is no event of this ledger. */
export function parseMessage(text: string, epoch: string): EventFrame | string {
  return cut(text, epoch) ?? read(text, epoch)
}

/**
 * A message of a process of this version is checked and cut instead of parsed and encoded again, which is a
 * tenth of the work. Undefined if the result would not be certain.
 */
function cut(text: string, epoch: string): EventFrame | undefined {
  const parts = OURS.exec(text)
  if (!parts) return undefined
  const [, event = '', userId = '', tenantId = '', id, seq] = parts
  const mark = CUTS.get(event)
  const from = mark === undefined ? -1 : text.indexOf(mark)
  if (from < 0 || id !== `${epoch}:${seq}` || userId === '' || tenantId === '') return undefined
  const traceparent = traceparentBefore(text, from)
  const message = { event, tenantId, userId, id, seq: Number(seq), traceparent }
  return new EventFrame(message, `{${text.slice(from + 1)}`)
}

const TRACEPARENT = '"traceparent":"'
const TRACEPARENT_LENGTH = 55

/** It is the last field before the payload, so no search is needed. */
function traceparentBefore(text: string, from: number): string | undefined {
  const begin = from - TRACEPARENT_LENGTH - 1
  if (!text.startsWith(TRACEPARENT, begin - TRACEPARENT.length)) return undefined
  return text.slice(begin, from - 1)
}

function read(text: string, epoch: string): EventFrame | string {
  let message: unknown
  try {
    message = parseJson(text)
  } catch {
    return 'not JSON'
  }
  if (message === null || typeof message !== 'object') return 'not an object'
  const { event, userId, tenantId, seq, id } = message as Partial<EventMessage>
  if (typeof event !== 'string' || !/^[a-z_]{1,64}$/.test(event)) return 'no event name'
  if (typeof userId !== 'string' || typeof tenantId !== 'string') return 'no user'
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return 'no seq'
  if (id !== eventId(epoch, seq)) return 'of another database'
  return fromMessage(message as EventMessage)
}
