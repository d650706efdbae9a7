import type { RefusalCode, RefusalDetails } from '../ledger/command.ts'
import { ApiError, type ErrorStatus } from '../lib/api-error.ts'
import { wireAmount } from './amount.ts'

/** One status and one sentence for every way the ledger can say no. */
export const REFUSALS: Record<RefusalCode, readonly [status: ErrorStatus, message: string]> = {
  invalid_amount: [400, 'The amount is not valid.'],
  invalid_command: [400, 'The request is not valid.'],
  unknown_currency: [400, 'The currency is not known.'],
  currency_mismatch: [400, 'The transaction is in another currency.'],
  self_transfer: [400, 'A transfer to oneself moves nothing.'],
  insufficient_funds: [402, 'There is not enough money.'],
  self_approval: [403, 'Nobody decides on money for themselves.'],
  not_your_hold: [403, 'A service opened this hold; only a service can end it.'],
  not_found: [404, 'There is no such transaction.'],
  unknown_user: [404, 'There is no such user.'],
  wrong_type: [409, 'The transaction is of another type.'],
  already_processed: [409, 'The transaction is final already.'],
  not_refundable: [409, 'Only what was paid can be refunded.'],
  hold_expired: [409, 'The hold has expired.'],
  balance_limit_exceeded: [422, 'The balance would be larger than a wallet can hold.'],
  refund_exceeds_payment: [422, 'More would be refunded than was paid.'],
  capture_exceeds_hold: [422, 'More would be captured than is held.'],
  limit_exceeded: [422, 'A spending limit does not allow it.'],
  idempotency_key_reused: [422, 'This Idempotency-Key was used for another request.'],
}

/** The ledger's refusal as the caller sees it: amounts in major units, as JSON numbers. */
export function refusal(
  code: RefusalCode,
  details: RefusalDetails = {},
  headers: Record<string, string> = {},
): ApiError {
  const [status, message] = REFUSALS[code]
  const wire = Object.entries(details).map(([name, value]) => [
    name,
    typeof value === 'bigint' && details.currency ? wireAmount(value, details.currency) : value,
  ])
  return new ApiError(status, code, message, {
    headers,
    ...(wire.length > 0 && { details: Object.fromEntries(wire) }),
  })
}
