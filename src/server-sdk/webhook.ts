import type { LedgerEvents } from '../client/types.ts'

/** An event of a user. `data` has the same fields as the top. */
type UserEvent<Type, Fields> = { type: Type; data: Fields } & Fields

/** Events that were deleted before the receiver could be reached. Read the user's balance and statement again. */
export interface EventsSkipped {
  event: 'events_skipped'
  userId: string
  fromSeq: number
  toSeq: number
  /** Of the last of them. */
  id: string
  timestamp: string
}

/** What a webhook delivers, for `switch (event.type)`. */
export type WebhookEvent =
  | {
      [Name in keyof LedgerEvents]: UserEvent<
        Name,
        { event: Name; userId: string } & LedgerEvents[Name]
      >
    }[keyof LedgerEvents]
  | UserEvent<'events_skipped', EventsSkipped>
  | { type: 'webhook_test'; timestamp: string; data: { endpointId: string } }

/** A `Headers` object, or the headers of a Node request. */
export type WebhookHeaders =
  | Pick<Headers, 'get'>
  | { readonly [name: string]: string | readonly string[] | undefined }

export interface WebhookOptions {
  /** Seconds by which the time of the delivery may differ from the clock. Default 300. */
  tolerance?: number | undefined
  /** Milliseconds since 1970. Default: the clock. */
  now?: number | undefined
}

/**
 * - `missing_header`: the request has not all three headers of a webhook.
 * - `invalid_timestamp`, `too_old`, `too_new`: the time is unreadable, or outside of the tolerance.
 * - `wrong_signature`: no signature is made with one of the secrets, or the body was changed.
 * - `invalid_body`: the signature is right, but the body is not JSON.
 */
export type WebhookErrorReason =
  | 'missing_header'
  | 'invalid_timestamp'
  | 'too_old'
  | 'too_new'
  | 'wrong_signature'
  | 'invalid_body'

/** The request is no delivery of this webhook. Answer it with 400. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError'
  readonly reason: WebhookErrorReason

  constructor(reason: WebhookErrorReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/**
 * Verifies a delivery by Standard Webhooks, and returns its event.
 * @param body exactly the bytes that arrived, or their text: never JSON that was parsed and written again
 * @param secrets the webhook's secret, `whsec_…`; several while it is being rotated
 * @throws WebhookVerificationError
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  { tolerance = 300, now = Date.now() }: WebhookOptions = {},
): Promise<WebhookEvent> {
  const id = header(headers, 'webhook-id')
  const timestamp = header(headers, 'webhook-timestamp')
  const signatures = header(headers, 'webhook-signature').split(' ')
  checkTime(timestamp, tolerance, now / 1000)
  const payload = typeof body === 'string' ? ENCODER.encode(body) : body
  const signed = concat(ENCODER.encode(`${id}.${timestamp}.`), payload)
  const keys = await Promise.all([secrets].flat().map(importSecret))
  const verified = await Promise.all(
    keys.flatMap((key) => signatures.map((signature) => isSignedBy(key, signature, signed))),
  )
  if (!verified.includes(true)) {
    throw new WebhookVerificationError('wrong_signature', 'No signature is by one of the secrets.')
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw new WebhookVerificationError('invalid_body', 'The body is not JSON.', { cause })
  }
}

/**
 * Where a delivery stands for a receiver that keeps the `id` of the last event that it has of each user.
 * - `next`: handle it, and keep its `id` in the same transaction.
 * - `repeated`: it was handled before. Answer with 200.
 * - `gap`: events before it are missing. Answer with 409 and `{ id: last }` (`{ seq: 0 }` for `''`), and they are sent. A
 *   webhook that is limited to some `events` always has gaps: treat this as `next`.
 * - `restored`: the ledger was restored from a backup, and counts anew from there. What the receiver had last may be
 *   undone, and it may have had this event. Read the user's balance, and keep the `id` in the same transaction.
 * @param last '' for a user of whom the receiver has nothing. A `seq` alone (0: nothing) cannot tell `restored`
 */
export function placeOf(
  event: Exclude<WebhookEvent, { type: 'webhook_test' }>,
  last: string | number,
): { place: 'next' | 'repeated' | 'gap' | 'restored'; seq: number; id: string } {
  const { id } = event
  const [first, seq] =
    event.type === 'events_skipped' ? [event.fromSeq, event.toSeq] : [event.seq, event.seq]
  const lastSeq = typeof last === 'number' ? last : Number(last.slice(last.lastIndexOf(':') + 1))
  if (typeof last === 'string' && last !== '' && epochOf(last) !== epochOf(id)) {
    return { place: 'restored', seq, id }
  }
  const place = seq <= lastSeq ? 'repeated' : first <= lastSeq + 1 ? 'next' : 'gap'
  return { place, seq, id }
}

const epochOf = (id: string) => id.slice(0, Math.max(0, id.lastIndexOf(':')))

const ENCODER = new TextEncoder()

/** `CryptoKey` is not a global type everywhere. */
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const HMAC = { name: 'HMAC', hash: 'SHA-256' }

function header(headers: WebhookHeaders, name: string): string {
  const value =
    typeof headers.get === 'function'
      ? headers.get(name)
      : Object.entries(headers).find(([other]) => other.toLowerCase() === name)?.[1]
  if (typeof value === 'string' && value !== '') return value
  throw new WebhookVerificationError('missing_header', `The request has no single ${name}.`)
}

function checkTime(timestamp: string, tolerance: number, nowSeconds: number): void {
  if (!/^\d{1,15}$/.test(timestamp)) {
    throw new WebhookVerificationError('invalid_timestamp', 'The time is not a number of seconds.')
  }
  const ageSeconds = nowSeconds - Number(timestamp)
  if (ageSeconds > tolerance) {
    throw new WebhookVerificationError('too_old', 'The delivery is too old.')
  }
  if (ageSeconds < -tolerance) {
    throw new WebhookVerificationError('too_new', 'The time is in the future: check the clock.')
  }
}

/** @throws TypeError if it is not base64 */
function importSecret(secret: string): Promise<Key> {
  const bytes = fromBase64(secret.replace(/^whsec_/, ''))
  if (!bytes || bytes.length === 0) throw new TypeError('A secret of a webhook is not base64.')
  return crypto.subtle.importKey('raw', bytes, HMAC, false, ['verify'])
}

/** `crypto.subtle.verify` compares in constant time. */
async function isSignedBy(
  key: Key,
  signature: string,
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const bytes = signature.startsWith('v1,') ? fromBase64(signature.slice(3)) : undefined
  return bytes !== undefined && crypto.subtle.verify(HMAC, key, bytes, signed)
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
