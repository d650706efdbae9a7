import type { RefusalCode } from '../ledger/command.ts'
import type { ErrorCode, ErrorStatus } from '../lib/api-error.ts'
import { REFUSALS } from './refusal.ts'

type Meaning = readonly [status: ErrorStatus | null, message: string]

/** The codes that the ledger has no part in. Without a status: only on real-time connections. */
const OTHERS: Record<Exclude<ErrorCode, RefusalCode>, Meaning> = {
  invalid_request: [
    400,
    'The request is not valid; `details.issues` names the fields, if it is about fields.',
  ],
  unauthorized: [401, 'The token is missing or not valid; `details.reason` says why.'],
  token_expired: [401, 'The token has expired.'],
  token_revoked: [401, 'The token was revoked before its time; sign in again.'],
  forbidden: [403, 'The caller’s role does not allow it.'],
  conflict: [409, 'The request contradicts the current state.'],
  payload_too_large: [413, 'The body is larger than 64 KiB.'],
  unsupported_media_type: [415, 'The body is not declared as JSON, or is compressed.'],
  rate_limited: [429, 'Too many requests; try again after `Retry-After` seconds.'],
  too_many_connections: [429, 'The user has too many open connections.'],
  internal: [500, 'A fault of the server; `requestId` finds it in its log.'],
  unavailable: [503, 'A part of the server is unavailable; try again after `Retry-After` seconds.'],
  timeout: [503, 'No answer in time. A write may have taken effect: repeat it with its key.'],
  shutting_down: [503, 'The server is restarting; connect again.'],
  message_too_large: [null, 'A message was larger than a connection takes.'],
  handshake_timeout: [503, 'The client was not authenticated in time.'],
  slow_consumer: [null, 'The connection did not read what was sent; connect again and resume.'],
}

/** Every code that an error can carry, with its HTTP status and its meaning. */
export const CODES: Readonly<Record<ErrorCode, Meaning>> = { ...REFUSALS, ...OTHERS }
