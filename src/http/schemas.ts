import { isLosslessNumber, type LosslessNumber } from 'lossless-json'
import { z } from 'zod'
import { InvalidAmount, toMinor } from '../ledger/money.ts'
import { ApiError } from '../lib/api-error.ts'
import { CURRENCIES } from '../lib/currencies.ts'
import { ID_PATTERN, ID_RULE, isUserId, MAX_USER_ID } from '../lib/identity.ts'

/** NUL, which Postgres cannot store, and single halves of surrogate pairs, which are not characters. */
const UNSTORABLE = /[\0\p{Surrogate}]/u

/** Text of at most `max` UTF-16 units. */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !UNSTORABLE.test(value), 'contains a character that cannot be stored')

export const userId = z
  .string()
  .refine(isUserId, ID_RULE(MAX_USER_ID))
  .meta({
    minLength: 1,
    maxLength: MAX_USER_ID,
    pattern: ID_PATTERN,
    description: 'As the identity provider spells it. Not `.` or `..`. Percent-encoded in a path.',
    examples: ['alice'],
  })

export const transactionId = z.uuid('must be a UUID')

export const currency = z
  .string()
  .refine((code) => CURRENCIES.has(code), {
    error: 'must be an ISO 4217 code in capital letters, such as USD',
    params: { code: 'unknown_currency' },
  })
  .meta({
    pattern: '^[A-Z]{3}$',
    description: 'ISO 4217 code.',
    examples: ['USD'],
  })

/** Major units as a JSON number or a plain decimal string. `readAmount` converts it to minor units. */
export const amount = z
  .custom<number | string>((value) => isAmount(value), {
    error: 'must be a number, or a decimal string such as "150.50"',
    params: { code: 'invalid_amount' },
  })
  .meta({
    anyOf: [{ type: 'number' }, { type: 'string', pattern: '^-?\\d{1,20}(\\.\\d{1,30})?$' }],
    description: 'Major units, such as 150.5: exact, with no more decimals than the currency has.',
    examples: [150.5],
  })

export type AmountInput = number | string | LosslessNumber

function isAmount(value: unknown): value is AmountInput {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value === 'string') return /^-?\d{1,20}(\.\d{1,30})?$/.test(value)
  return isLosslessNumber(value) && value.value.length <= 64
}

/**
 * Converts an amount of a request to minor units of `currency`.
 * @throws ApiError `invalid_amount`: too many decimals, too large, zero without `zero`, or negative without `signed`
 */
export function readAmount(
  input: AmountInput,
  currency: string,
  { field = 'amount', signed = false, zero = false } = {},
): bigint {
  const minor = parseAmount(input, currency, field)
  if (minor === 0n && !zero) throw invalidAmount(field, 'must not be zero')
  if (minor < 0n && !signed) throw invalidAmount(field, 'must be positive')
  return minor
}

function parseAmount(input: AmountInput, currency: string, field: string): bigint {
  try {
    return toMinor(input, currency)
  } catch (error) {
    if (error instanceof InvalidAmount) throw invalidAmount(field, error.message)
    throw error
  }
}

function invalidAmount(field: string, message: string): ApiError {
  return new ApiError(400, 'invalid_amount', `${field} ${message}`, { details: { field } })
}

/** ISO 8601 with an offset or Z. A date without a time means its midnight in UTC. */
export const instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'must be an ISO 8601 time such as 2025-11-04T10:30:00Z',
  })
  .refine((value) => /^(19|2\d)\d\d/.test(value), 'must be in a year from 1900 to 2999')
  // No time zone is further from UTC than 14 hours. Postgres accepts less than 16.
  .refine(
    (value) => !/[+-](1[5-9]|2\d):\d\d$/.test(value),
    'must have an offset of less than 15 hours',
  )
  .transform((value) => (value.length === 10 ? `${value}T00:00:00Z` : microseconds(value)))

/** Cut, because Postgres would round up, even into the next second, and limits the number of decimals. */
function microseconds(time: string): string {
  return time.replace(/(\.\d{6})\d+/, '$1')
}

export const pageLimit = z
  .string()
  .regex(/^(100|[1-9]\d?)$/, 'must be from 1 to 100')
  .transform(Number)
  .default(50)
  .meta({ type: 'integer', minimum: 1, maximum: 100, description: 'Items of a page.' })

export const noFields = z.strictObject({})

export const byId = z.object({ id: transactionId })

/** Another user in place of the caller, which the route allows only to the named role. */
export const onBehalfOf = (role: 'an admin' | 'a service') =>
  userId
    .exactOptional()
    .meta({ description: `Default: the caller. Only ${role} can name another user.` })

/** The fields of every request that moves money. */
export const money = (defaultCurrency: string) => ({
  amount,
  currency: currency.default(defaultCurrency),
  description: text(500).exactOptional(),
})

/** The fields that name what a payment or a hold is for. */
export const reference = {
  referenceId: text(200).exactOptional(),
  referenceType: text(200).exactOptional(),
}

/** An admin's decision on a pending topup or withdrawal. */
export const decision = z.strictObject({
  status: z.enum(['success', 'failed']),
  adminNotes: text(1000).exactOptional(),
})
