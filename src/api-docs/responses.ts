import { z } from 'zod'
import { TOKEN_REASONS } from '../auth/tokens.ts'
import { ERRORS } from '../http/errors.ts'
import type { ErrorCode } from '../lib/api-error.ts'
import { transactionPageSchema, transactionSchema } from '../routes/transaction-json.ts'

/** The body of each route's answer. The route tests check every answer against these schemas. */

const amount = z.number()
const time = z.iso.datetime({ offset: true })
const direction = z.enum(['below', 'above'])

export const transaction = transactionSchema
export const page = transactionPageSchema

const bulkError = z.object({
  code: z.string().meta({ description: 'As in the error answer of a single command.' }),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
})

export const bulk = z.object({
  results: z
    .array(z.union([z.object({ transaction: transactionSchema }), bulkError]))
    .meta({ description: 'One for each command, in their order.' }),
})

export const requests = page.extend({
  total: z.int().meta({ description: 'Pending requests on all pages.' }),
  offset: z.int().meta({ description: 'Pending requests on the pages before this one.' }),
})

export const problem = z
  .object({
    code: z.enum(Object.keys(ERRORS) as [ErrorCode]),
    message: z.string().meta({ description: 'For people; it may change.' }),
    requestId: z.string(),
    details: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({
        description: `More about the error. For a 401: \`reason\`, one of ${Object.keys(TOKEN_REASONS).join(', ')}, and, for some reasons, the \`claim\`.`,
      }),
  })
  .meta({ id: 'Problem' })

export const cachedBalance = z.object({
  balance: amount,
  cached: z.boolean().meta({ description: 'Whether the balance comes from the cache.' }),
})

export const balance = z.union([
  z.object({
    balance: amount,
    held: amount.meta({ description: 'Held for pending holds and withdrawals.' }),
    available: amount.meta({ description: 'The balance less `held`: this much can be spent.' }),
    currency: z.string(),
    seq: z.int().meta({ description: 'The `seq` of the newest event that is included.' }),
    updatedAt: time,
  }),
  z.object({ balance: amount, currency: z.string(), at: z.string() }),
])

const inCurrency = z.object({
  currency: z.string(),
  balance: amount,
  held: amount.meta({ description: 'Held for pending holds and withdrawals.' }),
  available: amount.meta({ description: 'The balance less `held`: this much can be spent.' }),
})

export const balances = z.object({
  items: z.array(inCurrency.extend({ updatedAt: time })).meta({
    description:
      'Ordered by currency. The first transaction requested in a currency opens a wallet in it, so a balance can be 0.',
  }),
  seq: z.int().meta({ description: 'The `seq` of the newest event that is included.' }),
})

export const affordable = z.object({
  ok: z.boolean(),
  reason: z.enum(['funds', 'hold', 'limit']).exactOptional().meta({
    description:
      'Why not. `funds`: the balance is too small. `hold`: too much of it is held. `limit`: a spending limit.',
  }),
  available: amount,
  currency: z.string(),
  freesAt: time.exactOptional().meta({
    description:
      'When enough holds have expired, or the window of the limit has moved on, if nothing else changes.',
  }),
})

export const events = z.object({
  items: z
    .array(
      z.looseObject({
        event: z.string(),
        id: z.string(),
        seq: z.int(),
        currency: z.string(),
        timestamp: time,
      }),
    )
    .meta({ description: 'The fields of each event are those on the streams (asyncapi.json).' }),
  nextCursor: z.string().nullable().meta({
    description: 'For the next `after` or `before`. Null: there are no older events.',
  }),
  recovered: z.boolean().meta({
    description:
      'False: events after the cursor are missing here, because they are not kept any more or the database was replaced. Read the balance again.',
  }),
})

export const series = z.object({
  currency: z.string(),
  items: z.array(z.object({ at: time, balance: amount })).meta({
    description:
      'Oldest first, at equal intervals, both ends included. Empty if no money has moved yet, or if `to` is before the first movement.',
  }),
})

export const snapshot = z.object({
  userId: z.string(),
  currency: z.string(),
  balance: amount,
  held: amount,
  version: z.int().meta({ description: 'The number of entries of the wallet.' }),
  createdAt: time,
  updatedAt: time,
})

export const verification = z.object({
  userId: z.string(),
  currency: z.string(),
  isAccurate: z.boolean(),
  snapshotBalance: amount,
  calculatedBalance: amount,
  difference: amount,
})

export const audit = z.object({
  total: z.int().meta({ description: 'Wallets, one per user and currency.' }),
  accurate: z.int(),
  inaccurate: z.int(),
  discrepancies: z
    .array(
      z.object({
        userId: z.string().optional(),
        currency: z.string().optional(),
        problem: z.string(),
        snapshotBalance: amount.optional(),
        calculatedBalance: amount.optional(),
        at: z.string().optional(),
      }),
    )
    .meta({ description: 'The first 1,000.' }),
  ledger: z.array(
    z.object({ currency: z.string(), debits: amount, credits: amount, balanced: z.boolean() }),
  ),
  entries: z.int(),
})

export const recalculation = z.object({
  userId: z.string(),
  currency: z.string(),
  previousBalance: amount,
  newBalance: amount,
  corrected: z.boolean().meta({
    description: 'Whether the stored balance, held amount, or newest entry was wrong.',
  }),
})

export const recalculationOfAll = z.object({
  total: z.int().meta({ description: 'Wallets that were checked.' }),
  corrected: z.int().meta({ description: 'Checked wallets that were wrong and are repaired.' }),
  nextCursor: z
    .string()
    .nullable()
    .meta({ description: 'The `cursor` of the next call; null when no wallet is left.' }),
  remaining: z.int().meta({ description: 'Wallets that are not checked yet.' }),
})

export const monitor = z.object({
  id: z.uuid(),
  userId: z.string(),
  currency: z.string(),
  threshold: amount,
  direction,
  createdAt: time,
})

export const monitors = z.object({ items: z.array(monitor) })

export const limit = z.object({
  userId: z.string(),
  type: z.string(),
  currency: z.string(),
  maxAmount: amount.nullable(),
  maxSum: amount.nullable(),
  windowSeconds: z.int().nullable(),
  updatedAt: time,
})

export const limits = z.object({ items: z.array(limit) })

export const deleted = z.object({ deleted: z.int() })

export const ticket = z.object({ ticket: z.string(), expiresAt: time })

export const revocation = z
  .object({
    id: z.uuid(),
    userId: z.string().optional(),
    tokenId: z.string().optional(),
    reason: z.string().nullable(),
    revokedBy: z.string(),
    revokedAt: time,
    expiresAt: time
      .nullable()
      .meta({ description: 'When it ends; null: it stays in force until it is lifted.' }),
  })
  .meta({ id: 'Revocation' })

export const revocations = z.object({
  items: z.array(revocation),
  nextCursor: z.string().nullable(),
})

export const wallets = z.object({
  items: z.array(
    z.object({
      userId: z.string(),
      currency: z.string(),
      balance: amount,
      held: amount,
      available: amount,
      balances: z
        .array(inCurrency)
        .meta({ description: 'In every currency in which the user has a wallet.' }),
      updatedAt: time,
    }),
  ),
  nextCursor: z.string().nullable(),
})

const part = z.object({ ok: z.boolean(), state: z.string(), reason: z.string().optional() })

export const system = z.object({
  version: z.string(),
  uptimeSeconds: z.number(),
  memoryBytes: z.int(),
  connections: z
    .record(z.string(), z.int())
    .meta({ description: 'Open streams of this process by transport.' }),
  users: z.int().meta({ description: 'Users with an open stream of this process.' }),
  events: z.object({
    perSecond: z.number().meta({ description: 'Over the last ten seconds.' }),
    recent: z.array(z.int()).meta({ description: 'The last sixty seconds, newest last.' }),
    total: z.int(),
  }),
  outbox: z
    .object({
      rows: z.int().meta({ description: 'Counted up to 10,000.' }),
      oldestSeconds: z.number(),
    })
    .nullable()
    .meta({ description: 'Committed and not yet confirmed as published.' }),
  postgres: z.object({ ok: z.boolean(), latencyMs: z.number().nullable() }),
  redis: part.extend({ kind: z.enum(['redis', 'memory']) }),
  stream: part,
})

const checks = z.record(z.string(), z.object({ ok: z.boolean(), reason: z.string().optional() }))

export const live = z.object({ status: z.enum(['live', 'not live']), checks })

export const readiness = z.object({
  status: z.enum(['ready', 'not ready']),
  checks,
})
