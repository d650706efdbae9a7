import { isLosslessNumber, type LosslessNumber } from 'lossless-json'
import { z } from 'zod'
import { CURRENCIES } from '../lib/currencies.ts'

/** NUL, which Postgres cannot store, and halves of surrogate pairs, which are no characters. */
const UNSTORABLE = /[\0\p{Surrogate}]/u

/** Text of at most `max` UTF-16 units. */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !UNSTORABLE.test(value), 'holds a character that cannot be stored')

export const userId = z
  .string()
  .regex(/^[A-Za-z0-9._:@-]{1,128}$/, 'must be 1 to 128 of A-Z a-z 0-9 . _ : @ -')
  .meta({ examples: ['alice'] })

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

/** Major units, as a JSON number or a plain decimal string. `readAmount` makes minor units of it. */
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

/** ISO 8601 with an offset or Z, or a date alone, which means its midnight in UTC. */
export const instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'must be an ISO 8601 time such as 2025-11-04T10:30:00Z',
  })
  .refine((value) => /^(19|2\d)\d\d/.test(value), 'must be in a year from 1900 to 2999')
  // No place on Earth is further from UTC than 14 hours; Postgres takes less than 16.
  .refine((value) => !/[+-](1[5-9]|2\d):\d\d$/.test(value), 'has an offset that no clock has')
  .transform((value) => (value.length === 10 ? `${value}T00:00:00Z` : microseconds(value)))

/** Cut, for Postgres would round up, into the next second if need be, and takes no more than some hundred. */
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
