import { isLosslessNumber, LosslessNumber } from 'lossless-json'
import * as z from 'zod'
import type { SplitPart } from '../ledger/command.ts'
import { InvalidAmount, toMinor } from '../ledger/money.ts'
import { ApiError } from '../lib/api-error.ts'
import { CURRENCIES } from '../lib/currencies.ts'
import {
  ID_PATTERN,
  ID_RULE,
  isTenant,
  isUserId,
  MAX_TENANT,
  MAX_USER_ID,
} from '../lib/identity.ts'
import { sortKeys } from '../lib/json.ts'

/** NUL, which Postgres cannot store, and single halves of surrogate pairs, which are not characters. */
const UNSTORABLE = /[\0\p{Surrogate}]/u

// The bounds of metadata, and those of texts below, stand in sql/functions/rules too: unfit_field.sql has them for
// applications, is_metadata.sql for all that commands add to one transaction.
export const MAX_METADATA_BYTES = 4096
export const MAX_METADATA_DEPTH = 16

/** The names that the ledger itself writes to a transaction's metadata. */
export const RESERVED_METADATA: readonly string[] = [
  'toUserId',
  'fromUserId',
  'heldAmount',
  'paymentProblem',
  'autoTopup',
]

/** Any JSON object of the caller's. It is stored with the transaction, and lists can be filtered by it. */
export const metadata = z
  .custom<Record<string, unknown>>()
  .check((c) => {
    const problem = metadataProblem(c.value)
    if (problem) c.issues.push({ code: 'custom', input: c.value, message: problem })
  })
  // The same data sent again is the same request to an idempotency key.
  .transform((value) => sortKeys(value) as Record<string, unknown>)
  .exactOptional()
  .meta({
    type: 'object',
    additionalProperties: true,
    description: `Your own data: a JSON object of at most 4 KiB. Lists can be filtered by it. Not ${RESERVED_METADATA.map((name) => `\`${name}\``).join(', ')}.`,
    examples: [{ orderId: 'A-1001' }],
  })

function metadataProblem(value: unknown): string | undefined {
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    value instanceof LosslessNumber
  )
    return 'must be a JSON object'
  const reserved = RESERVED_METADATA.find((name) => Object.hasOwn(value, name))
  if (reserved) return `must not have the key ${reserved}, which the ledger writes itself`
  let digits = 0
  const left: { part: unknown; depth: number }[] = [{ part: value, depth: 1 }]
  for (let next = left.pop(); next; next = left.pop()) {
    const { part, depth } = next
    if (part instanceof LosslessNumber || (typeof part === 'number' && !Number.isFinite(part)))
      return 'must not have a number of more than 15 digits: send it as a string'
    // Postgres stores 1e300 with all of its digits.
    if (typeof part === 'number') digits += Number(/e[+-](\d+)$/.exec(String(part))?.[1] ?? 0)
    if (typeof part === 'string' && UNSTORABLE.test(part))
      return 'contains a character that cannot be stored'
    if (typeof part !== 'object' || part === null) continue
    if (depth > MAX_METADATA_DEPTH) return `must not be nested deeper than ${MAX_METADATA_DEPTH}`
    const inner = Array.isArray(part) ? part : Object.entries(part).flat()
    left.push(...inner.map((each) => ({ part: each, depth: depth + 1 })))
  }
  if (new TextEncoder().encode(JSON.stringify(value)).length + digits > MAX_METADATA_BYTES)
    return `must be at most ${MAX_METADATA_BYTES} bytes`
  return undefined
}

export const MAX_DESCRIPTION = 500
export const MAX_REFERENCE = 200

/** Text of at most `max` characters (code points). */
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

export const tenant = z
  .string()
  .refine(isTenant, ID_RULE(MAX_TENANT))
  .meta({
    minLength: 1,
    maxLength: MAX_TENANT,
    pattern: ID_PATTERN,
    description: 'As the tokens spell it.',
    examples: ['acme'],
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

/** The currency of the request that is parsed now. Parsing is synchronous, so no other request sees it. */
let currencyOfTenant: string | undefined

/** Parses input of a request whose tenant has this currency. */
export function parsing<T>(currency: string | undefined, parse: () => T): T {
  currencyOfTenant = currency
  try {
    return parse()
  } finally {
    currencyOfTenant = undefined
  }
}

/** A currency that may be left out: then it is the tenant's, or else the server's. */
export const currencyOr = (ofServer: string) => currency.default(() => currencyOfTenant ?? ofServer)

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

/** The fields of every command. */
export const ofCommand = {
  metadata,
  dryRun: z.boolean().exactOptional().meta({
    description:
      'The answer is the same as without it, but nothing is changed, and an `Idempotency-Key` has no meaning. The id is of no transaction.',
  }),
}

/** The body of a command whose path says everything else. */
export const onlyOfCommand = z.strictObject(ofCommand)

export const byId = z.object({ id: transactionId })

/** Another user in place of the caller, which the route allows only to the named role. */
export const onBehalfOf = (role: 'an admin' | 'a service' | 'an admin or a service') =>
  userId
    .exactOptional()
    .meta({ description: `Default: the caller. Only ${role} can name another user.` })

/** The fields of every request that moves money. */
export const money = (defaultCurrency: string) => ({
  amount,
  currency: currencyOr(defaultCurrency),
  description: text(MAX_DESCRIPTION).exactOptional(),
  ...ofCommand,
})

/** The description of an adjustment. */
export const reason = text(MAX_DESCRIPTION).refine(
  (given) => given.trim() !== '',
  'must give a reason',
)

const MAX_PARTS = 20
const MAX_SHARE = 1_000_000

const payee = {
  to: userId.exactOptional(),
  fee: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'must be 1 to 64 of a-z, 0-9, - and _')
    .exactOptional()
    .meta({ description: 'The house’s account `fee:<name>`, in place of a user.' }),
}

/** Who gets the money of a payment. `readSplit` converts it. */
export const split = z
  .array(
    z
      .strictObject({
        ...payee,
        amount: amount.exactOptional(),
        share: z.int().min(1).max(MAX_SHARE).exactOptional().meta({
          description: 'The shares divide what the fixed amounts leave, in this proportion.',
        }),
      })
      .refine(({ to, fee }) => (to === undefined) !== (fee === undefined), 'Set either to or fee.')
      .refine(
        ({ amount, share }) => (amount === undefined) !== (share === undefined),
        'Set either amount or share.',
      ),
  )
  .min(1)
  .max(MAX_PARTS)
  .exactOptional()
  .meta({
    description: `Only a service can set it: the money goes to these users and fees and not to the house’s revenue. At most ${MAX_PARTS} parts, which must come to the whole amount. A payee’s transaction has the type \`split\`.`,
  })

export type SplitInput = NonNullable<z.infer<typeof split>>

/** Who gets the money of a hold that is captured: `to` gets all. */
export const captured = {
  to: userId.exactOptional().meta({ description: 'Who gets all of it, as by `split`.' }),
  split,
}

export const isCaptured = [
  ({ to, split }: { to?: string | undefined; split?: unknown }) =>
    to === undefined || split === undefined,
  'Set either to or split.',
] as const

/**
 * Converts the amounts of a split to minor units of `currency`.
 * @throws ApiError `invalid_amount`
 */
export function readSplit(parts: SplitInput, currency: string): SplitPart[] {
  return parts.map(({ to = '', fee, amount: fixed, share = 1 }, i) => ({
    ...(fee === undefined ? { to } : { fee }),
    ...(fixed === undefined
      ? { share }
      : { amount: readAmount(fixed, currency, { field: `split.${i}.amount` }) }),
  }))
}

/** The fields that name what a payment or a hold is for. */
export const reference = {
  referenceId: text(MAX_REFERENCE).exactOptional(),
  referenceType: text(MAX_REFERENCE).exactOptional(),
}

/** An admin's decision on a pending topup or withdrawal. */
export const decision = z.strictObject({
  status: z.enum(['success', 'failed']),
  adminNotes: text(1000).exactOptional(),
  ...ofCommand,
})

const MAX_METADATA_FILTERS = 5

/** The values that a transaction's metadata must have, by key. */
export const metadataFilter = z
  .record(z.string().min(1), text(1000))
  .refine((wanted) => Object.keys(wanted).length <= MAX_METADATA_FILTERS, {
    error: `at most ${MAX_METADATA_FILTERS} keys`,
  })
  .exactOptional()
  .meta({
    description:
      'Only transactions whose metadata has this value, such as `metadata.orderId=A-1001` or `metadata[orderId]=A-1001`.',
  })
