import { InvalidAmount, toMinor, toWire } from '../ledger/money.ts'
import { ApiError } from '../lib/api-error.ts'
import type { AmountInput } from './schemas.ts'

/**
 * An amount of a request in minor units of `currency`.
 * @throws ApiError `invalid_amount`: too many decimals, too large, zero, or negative where it may not be
 */
export function readAmount(
  input: AmountInput,
  currency: string,
  { field = 'amount', signed = false, zero = false } = {},
): bigint {
  const minor = parse(input, currency, field)
  if (minor === 0n && !zero) throw invalid(field, 'must not be zero')
  if (minor < 0n && !signed) throw invalid(field, 'must be positive')
  return minor
}

function parse(input: AmountInput, currency: string, field: string): bigint {
  try {
    return toMinor(input, currency)
  } catch (error) {
    if (error instanceof InvalidAmount) throw invalid(field, error.message)
    throw error
  }
}

function invalid(field: string, message: string): ApiError {
  return new ApiError(400, 'invalid_amount', `${field} ${message}`, { details: { field } })
}

/**
 * Minor units as a JSON number of major units. Typed as the number that clients read; inside, a long one
 * is an `ExactNumber`, so send it with `answer`.
 */
export function wireAmount(minor: bigint, currency: string): number {
  return toWire(minor, currency) as number
}
