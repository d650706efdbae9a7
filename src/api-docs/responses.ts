import * as z from 'zod'
import { KEY_ROLES } from '../auth/api-key.ts'
import { SCOPES } from '../auth/scopes.ts'
import { TOKEN_REASONS } from '../auth/tokens.ts'
import { LANGUAGES } from '../deliveries/push.ts'
import { ERRORS } from '../http/errors.ts'
import { LIMITED_TYPES } from '../ledger/command.ts'
import { DEEDS } from '../ledger/deed.ts'
import { DEBT_STATUSES, PAYMENT_EVENT_KINDS, PROVIDER_OUTCOMES } from '../ledger/provider-event.ts'
import type { ErrorCode } from '../lib/api-error.ts'
import { transactionPageSchema, transactionSchema } from '../routes/transaction-json.ts'

/** The body of each route's answer. The route tests check every answer against these schemas. */

const amount = z.number()
const time = z.iso.datetime({ offset: true })
const direction = z.enum(['below', 'above'])

export const transaction = transactionSchema
export const page = transactionPageSchema

export const requestedTopup = transactionSchema.extend({
  clientSecret: z.string().exactOptional().meta({
    description: 'For the provider’s own library, if Stripe is configured to begin payments.',
  }),
  url: z.string().exactOptional().meta({
    description: 'Of the page where it is paid, if such a provider is configured.',
  }),
  paymentError: z.literal('unavailable').exactOptional().meta({
    description:
      'The provider did not answer. The topup is pending. The same request with the same `Idempotency-Key` asks the provider again.',
  }),
})

export const autoTopup = z.object({
  currency: z.string(),
  threshold: amount,
  amount,
  cap: amount,
  periodSeconds: z.int(),
  status: z.enum(['active', 'paused']),
  pausedReason: z.string().nullable().meta({
    description: 'Such as `card_declined`, in the provider’s words. A new PUT ends the pause.',
  }),
  updatedAt: time,
})

export const autoTopups = z.object({
  items: z.array(autoTopup).meta({ description: 'One for each currency.' }),
  hasMethod: z.boolean().meta({ description: 'Whether a saved payment method can be charged.' }),
})

export const savedMethod = z.object({
  userId: z.string(),
  provider: z.string(),
  customer: z.string(),
  paymentMethod: z.string(),
})

export const receivedEvent = z.object({
  outcome: z.enum(PROVIDER_OUTCOMES).meta({
    description:
      '`parked`: it is applied when another event of the payment has come. `waiting`: an admin has to decide.',
  }),
  reason: z.string().nullable(),
  repeated: z.boolean().meta({ description: 'The event was known already.' }),
})

export const providerEvent = z.object({
  id: z.uuid(),
  provider: z.string(),
  eventId: z.string(),
  kind: z.enum(PAYMENT_EVENT_KINDS),
  paymentId: z.string(),
  disputeId: z.string().nullable(),
  topupId: z.uuid().nullable(),
  userId: z.string().nullable(),
  amount: amount.nullable(),
  currency: z.string().nullable(),
  detail: z.string().nullable().meta({ description: 'The provider’s own word for the cause.' }),
  outcome: z.enum(PROVIDER_OUTCOMES),
  reason: z.string().nullable().meta({ description: 'Why it was not simply applied.' }),
  transactionId: z.uuid().nullable().meta({ description: 'What was booked for it.' }),
  receivedAt: time,
  resolvedBy: z.string().nullable(),
  resolution: z.string().nullable(),
  resolvedAt: time.nullable(),
})

export const providerEvents = z.object({
  items: z.array(providerEvent),
  nextCursor: z.string().nullable(),
})

export const debt = z.object({
  id: z.uuid(),
  userId: z.string(),
  currency: z.string(),
  amount,
  collected: amount,
  status: z.enum(DEBT_STATUSES),
  cause: z.enum(['refund', 'dispute']),
  topupId: z.uuid(),
  createdAt: time,
  closedBy: z.string().nullable(),
  closedAt: time.nullable(),
})

export const debts = z.object({ items: z.array(debt), nextCursor: z.string().nullable() })

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
  users: z
    .array(
      z.object({
        userId: z.string(),
        currency: z.string(),
        balance: z.number(),
        available: z.number(),
        approved: z.int(),
        rejected: z.int(),
      }),
    )
    .optional()
    .meta({
      description:
        'With `context=true`: for each user and currency of the page the balance, and how the last twenty topups and the last twenty withdrawals ended.',
    }),
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

const frozen = z.enum(['debits', 'credits', 'both']).exactOptional().meta({
  description: 'What an admin froze of the wallet, in every currency. Missing: nothing.',
})

export const balance = z.union([
  z.object({
    balance: amount,
    held: amount.meta({ description: 'Held for pending holds and withdrawals.' }),
    available: amount.meta({ description: 'The balance less `held`: this much can be spent.' }),
    currency: z.string(),
    seq: z.int().meta({ description: 'The `seq` of the newest event that is included.' }),
    frozen,
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
  reason: z.enum(['frozen', 'funds', 'hold', 'limit']).exactOptional().meta({
    description:
      'Why not. `frozen`: an admin froze the wallet for debits. `funds`: the balance is too small. `hold`: too much of it is held. `limit`: a spending limit.',
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

export const limitsUsage = z.object({
  items: z.array(
    limit.omit({ userId: true, updatedAt: true }).extend({
      used: amount.nullable().meta({
        description: 'The sum within the last `windowSeconds`. Null without `maxSum`.',
      }),
      left: amount.nullable().meta({ description: '`maxSum` less `used`, at least zero.' }),
      freesAmount: amount.nullable().meta({ description: 'The oldest amount that counts.' }),
      freesAt: time.nullable().meta({
        description: 'When it stops counting. Null if nothing counts.',
      }),
    }),
  ),
})

export const limitUsagePage = z.object({
  items: z.array(limitsUsage.shape.items.element.extend({ userId: z.string() })),
  nextCursor: z.string().nullable(),
})

export const monitorPage = z.object({
  items: z.array(monitor.extend({ balance: amount.meta({ description: 'What it is now.' }) })),
  nextCursor: z.string().nullable(),
})

const rule = z.object({
  amount: amount.nullable().meta({
    description: 'Two admins must agree above this amount. Null: one is enough.',
  }),
})

export const settings = z.object({
  fourEyes: z.array(
    rule.extend({
      currency: z.string(),
      askedBy: z.string().nullable(),
      secondedBy: z
        .string()
        .nullable()
        .meta({ description: 'The second admin, where the change needed one.' }),
      changedAt: time.nullable(),
      proposal: rule
        .extend({ askedBy: z.string(), askedAt: time })
        .exactOptional()
        .meta({ description: 'A change that waits until another admin asks for it too.' }),
    }),
  ),
})

export const freeze = z.object({
  userId: z.string(),
  debits: z.boolean().meta({ description: 'No money leaves the wallet.' }),
  credits: z.boolean().meta({ description: 'No money comes to it.' }),
  history: z
    .array(
      z.object({
        seq: z.int().meta({ description: 'The `seq` of the event that told the user.' }),
        debits: z.boolean(),
        credits: z.boolean(),
        reason: z.string().nullable(),
        changedBy: z.string(),
        changedAt: time,
      }),
    )
    .meta({ description: 'The last 100 changes, newest first.' }),
})

export const deleted = z.object({ deleted: z.int() })

export const beganSignIn = z.object({ url: z.url(), state: z.string(), proof: z.string() })

export const personSession = z.object({
  token: z.string(),
  userId: z.string(),
  tenant: z.string(),
  expiresAt: time,
})

export const endedSession = z.object({ url: z.url().nullable() })

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

export const found = z.object({
  userId: z.string().nullable().meta({ description: 'The user with this id, on the first page.' }),
  items: z.array(transaction),
  nextCursor: z.string().nullable(),
  searchedTo: time.nullable().meta({
    description: 'Everything since then was looked at. Null: everything.',
  }),
})

const facts = z.record(z.string(), z.unknown()).exactOptional()

const deed = z
  .object({
    id: z.uuid(),
    at: time,
    actor: z.string().meta({ description: 'The token’s `sub`, or `sql:<login>`.' }),
    roles: z.array(z.string()),
    keyId: z.string().nullable().meta({ description: 'The API key, where there was one.' }),
    deed: z.enum(DEEDS),
    userId: z.string().nullable().meta({ description: 'Whom it concerns.' }),
    target: z.string().nullable().meta({
      description: 'The id of the transaction, webhook, revocation … that it concerns.',
    }),
    result: z.string().meta({ description: '`done`, or the code of the refusal.' }),
    requestId: z.string().nullable(),
    address: z.string().nullable().meta({ description: 'Of the client.' }),
    asked: facts.meta({ description: 'Amounts are decimal texts in major units.' }),
    before: facts,
    after: facts,
    seal: z.object({ seq: z.int(), hash: z.string() }).nullable().meta({
      description:
        'Its place in the tenant’s chain: each hash covers the deed and the hash before. Null for the first seconds.',
    }),
  })
  .meta({ id: 'Deed' })

export const deeds = z.object({ items: z.array(deed), nextCursor: z.string().nullable() })

const webhook = z.object({
  id: z.uuid(),
  url: z.string(),
  description: z.string().nullable(),
  events: z.array(z.string()).nullable().meta({ description: 'Null: all.' }),
  userIds: z.array(z.string()).nullable().meta({ description: 'Null: everyone of the tenant.' }),
  paused: z.boolean(),
  pausedReason: z
    .enum(['admin', 'gone'])
    .nullable()
    .meta({ description: '`gone`: the receiver answered 410.' }),
  previousSecretUntil: time
    .nullable()
    .meta({ description: 'Until then deliveries are also signed with the secret before.' }),
  createdBy: z.string(),
  createdAt: time,
  updatedAt: time,
})

export const changedWebhook = webhook.meta({ id: 'Webhook' })

export const webhookWithSecret = webhook
  .extend({
    secret: z.string().nullable().meta({
      description:
        'Signs the deliveries: `whsec_` and base64. It is shown only in this answer. Null in a repeated one: then rotate it.',
    }),
  })
  .meta({ id: 'WebhookWithSecret' })

const analyticsHead = {
  asOf: time.meta({ description: 'What was published before this time is included.' }),
  rebuilding: z.boolean(),
}

const analyticsRange = {
  from: time,
  to: time,
  bucket: z.enum(['hour', 'day']),
  timeZone: z.string(),
}

const ofType = z.object({
  type: z.string(),
  status: z.string().meta({
    description: '`pending`: a hold or a withdrawal was opened, and money set aside for it.',
  }),
  transactions: z.int(),
  volume: amount.meta({ description: 'The sum of the amounts, each without its sign.' }),
  net: amount.meta({ description: 'What it added to the balances.' }),
  fees: amount.meta({ description: 'Of split payments, less what refunds gave back.' }),
  largest: amount,
  users: z.int(),
  waits: z
    .object({
      averageSeconds: z.number(),
      counts: z.array(z.int()).meta({
        description: 'By bin: up to each of `waitBounds`, in seconds, and above the last.',
      }),
    })
    .exactOptional()
    .meta({ description: 'Of topups and withdrawals: the time from the request to the decision.' }),
})

export const analytics = z.object({
  ...analyticsHead,
  ...analyticsRange,
  currency: z.string(),
  waitBounds: z.array(z.int()),
  items: z.array(
    z.object({
      ...{ from: time, to: time },
      users: z.int().meta({ description: 'With an entry, each once, whatever its type.' }),
      balance: amount.meta({ description: 'The sum of all balances at `to`.' }),
      held: amount.meta({ description: 'How much of it is held at `to`.' }),
      holds: z.object({ opened: z.int(), captured: z.int(), released: z.int() }),
      types: z.array(ofType),
    }),
  ),
})

export const movers = z.object({
  ...analyticsHead,
  from: z.iso.date(),
  to: z.iso.date(),
  currency: z.string(),
  items: z.array(
    z.object({
      userId: z.string(),
      change: amount.meta({ description: 'Of the balance, within the range.' }),
      volume: amount,
      balance: amount.meta({ description: 'Now.' }),
      transactions: z.int(),
    }),
  ),
  nextCursor: z.string().nullable(),
})

const activeWallets = z.array(
  z.object({ userId: z.string(), balance: amount, firstEntryAt: time, lastEntryAt: time }),
)

export const dormantWallets = z.object({
  ...analyticsHead,
  since: time,
  currency: z.string(),
  items: activeWallets,
  nextCursor: z.string().nullable(),
})

export const newWallets = z.object({
  ...analyticsHead,
  ...{ from: time, to: time, currency: z.string() },
  items: activeWallets,
  nextCursor: z.string().nullable(),
})

export const refusals = z.object({
  ...analyticsRange,
  currency: z.string(),
  items: z.array(
    z.object({
      ...{ from: time, to: time, type: z.string() },
      reason: z.string().meta({ description: 'The code of the error.' }),
      refusals: z.int(),
      amount: amount.meta({ description: 'The sum of what was asked for.' }),
    }),
  ),
})

export const cohorts = z.object({
  ...analyticsHead,
  ...{ from: time, to: time, period: z.enum(['month', 'week']), currency: z.string() },
  items: z.array(
    z.object({
      cohort: z.iso.date().meta({ description: 'The first day of the month or week.' }),
      users: z.int().meta({ description: 'With their first topup in it.' }),
      periods: z.array(
        z.object({
          from: z.iso.date(),
          active: z.int().meta({ description: 'Those of them with an entry.' }),
          volume: amount,
        }),
      ),
    }),
  ),
})

export const updates = z.object({
  ...analyticsRange,
  items: z.array(
    z.object({
      ...{ from: time, to: time, transport: z.string() },
      events: z.int().meta({ description: 'That reached a connection, once for each.' }),
      connections: z.int().meta({ description: 'Opened.' }),
    }),
  ),
})

export const listedWebhook = webhook.extend({
  waitingUsers: z.int().meta({ description: 'Users with events that were not sent yet.' }),
  failingUsers: z.int().meta({ description: 'Those of them whose next event was refused.' }),
  setAsideUsers: z.int().meta({
    description: 'Users whose events wait for a replay, after three days of failures.',
  }),
  lagSeconds: z.number().meta({ description: 'Age of the oldest event that waits.' }),
})

export const webhooks = z.object({ items: z.array(listedWebhook) })

export const webhookTest = z.object({
  delivered: z.boolean(),
  status: z.int().nullable().meta({ description: 'Null: there was no answer.' }),
  error: z.string().nullable(),
  durationMs: z.int(),
  body: z.string().meta({ description: 'The beginning of the answer.' }),
})

const pushDevice = z.object({
  id: z.uuid(),
  kind: z.string().meta({ description: '`web`: Web Push.' }),
  service: z.string().meta({ description: 'The origin of its push service.' }),
  label: z.string().nullable(),
  language: z.enum(LANGUAGES),
  figures: z.boolean().meta({ description: 'False: its notifications name no amount.' }),
  lastError: z
    .string()
    .nullable()
    .meta({ description: 'A short reason, if the last attempt to notify it failed.' }),
  createdAt: time,
  updatedAt: time,
})

export const registeredDevice = pushDevice.meta({ id: 'PushDevice' })

const thresholds = z.array(z.object({ currency: z.string(), amount }))

const pushSettingsFields = {
  rules: z.object({
    changes: z.object({ on: z.boolean(), atLeast: thresholds }),
    lowBalance: z.object({ on: z.boolean(), below: thresholds }),
    paymentFailed: z.object({ on: z.boolean() }),
    topups: z.object({ on: z.boolean() }),
  }),
  quietHours: z
    .object({ from: z.string(), to: z.string(), timeZone: z.string() })
    .nullable()
    .meta({ description: 'Null: none.' }),
}

export const pushSettings = z.object(pushSettingsFields)

export const pushState = z.object({
  publicKey: z.string().nullable().meta({
    description:
      'The `applicationServerKey` with which a browser subscribes. Null: push is not configured.',
  }),
  items: z.array(pushDevice).meta({ description: 'Oldest first.' }),
  ...pushSettingsFields,
})

export const visiblePage = z.object({
  visible: z.boolean(),
  seconds: z.int().nullable().meta({
    description: 'For so long no device is notified. A page that stays says so again before.',
  }),
})

const seq = z.int()

const webhookAttempt = z.object({
  id: z.string(),
  userId: z.string(),
  fromSeq: seq,
  toSeq: seq.meta({
    description: 'A success can stand for several events, delivered one after another.',
  }),
  delivered: z.boolean(),
  status: z.int().nullable(),
  error: z.string().nullable(),
  durationMs: z.int(),
  at: time,
})

export const webhookDeliveries = z.object({
  failing: z
    .array(
      z.object({
        userId: z.string(),
        ackedSeq: seq.meta({ description: 'The receiver has the events up to this one.' }),
        lastSeq: seq.meta({ description: 'The newest event that waits.' }),
        attempts: z.int(),
        error: z.string().nullable(),
        failingSince: time,
        nextAttemptAt: time.nullable(),
        setAsideAt: time
          .nullable()
          .meta({ description: 'From then on the events wait for a replay.' }),
      }),
    )
    .meta({ description: 'At most 100, those that fail for longest first.' }),
  items: z.array(webhookAttempt).meta({ description: 'The last attempts, newest first.' }),
  nextCursor: z.string().nullable(),
})

const entryAccount = z
  .object({ kind: z.string(), userId: z.string().nullable() })
  .meta({ description: 'A user’s wallet, or an account of the house.' })

export const trail = z.object({
  transaction: transactionSchema,
  createdBy: z.string(),
  entries: z.array(
    z.object({
      version: z.int().meta({ description: 'Its place in the chain of the user’s account.' }),
      debit: entryAccount,
      credit: entryAccount,
      amount,
      previousBalance: amount,
      newBalance: amount,
      createdAt: time,
      hash: z.string(),
      fits: z.boolean().meta({
        description:
          'The hash is that of this entry and of the hash before. False: it was altered.',
      }),
    }),
  ),
  events: z
    .array(
      z.object({
        id: z.string(),
        seq: z.int(),
        event: z.string(),
        newBalance: amount,
        createdAt: time,
      }),
    )
    .meta({ description: 'Of the user’s stream, as far as they are still kept.' }),
  related: z.array(transactionSchema).meta({
    description: 'Refunds of it, the other side of a transfer, and what it refers to. At most 50.',
  }),
  deeds: z.array(deed).meta({ description: 'Who decided about it. At most 50, newest first.' }),
  providerEvents: z.array(providerEvent).meta({ description: 'Of a topup. At most 50.' }),
  webhooks: z
    .array(
      z.object({
        id: z.uuid(),
        url: z.string(),
        state: z.enum(['done', 'waiting', 'set_aside']).meta({
          description: '`done`: the webhook is past the events, or does not want them.',
        }),
        attempts: z.array(webhookAttempt).meta({ description: 'As far as they are still kept.' }),
      }),
    )
    .meta({ description: 'What became of the events at each webhook.' }),
})

export const replayed = z.object({
  users: z.int().meta({ description: 'Users whose events are sent.' }),
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
      frozen,
      updatedAt: time,
    }),
  ),
  nextCursor: z.string().nullable(),
})

const part = z.object({ ok: z.boolean(), state: z.string(), reason: z.string().optional() })

export const whoAmI = z.object({
  userId: z.string(),
  tenant: z.string(),
  roles: z.array(z.enum(['admin', 'service', 'operator'])),
  currency: z.string().meta({ description: 'Of requests that name none.' }),
  expiresAt: time.meta({ description: 'When the token expires.' }),
})

const processState = z.object({
  id: z.string().meta({ description: 'Of this run of the process.' }),
  host: z.string(),
  version: z.string(),
  uptimeSeconds: z.number(),
  memoryBytes: z.int(),
  eventLoopDelayMs: z.number().meta({ description: 'The longest of the last ten seconds.' }),
  connections: z
    .record(z.string(), z.int())
    .meta({ description: 'Open streams of this process by transport.' }),
  users: z.int().meta({ description: 'Users with an open stream of this process.' }),
  events: z.object({
    perSecond: z.number().meta({ description: 'Over the last ten seconds.' }),
    recent: z.array(z.int()).meta({ description: 'The last sixty seconds, newest last.' }),
    total: z.int(),
  }),
  postgres: z.object({ ok: z.boolean(), latencyMs: z.number().nullable() }),
  redis: part.extend({ kind: z.enum(['redis', 'memory']) }),
  stream: part,
})

const check = z.object({ ok: z.boolean(), reason: z.string().exactOptional() })

const tenantState = z
  .object({
    scope: z.literal('tenant'),
    version: z.string(),
    connections: z.int().nullable().meta({
      description:
        'Open streams of the tenant at all processes, up to 10 s late. Null while Postgres does not answer.',
    }),
    payments: check.meta({ description: 'Whether money can move.' }),
    events: check.meta({ description: 'Whether events arrive as they happen.' }),
  })
  .meta({ description: 'For an admin: what concerns the tenant.' })

const installationState = processState.extend({
  scope: z.literal('installation'),
  outbox: z
    .object({
      rows: z.int().meta({ description: 'Counted up to 10,000.' }),
      oldestSeconds: z.number(),
    })
    .nullable()
    .meta({ description: 'Committed and not yet confirmed as published.' }),
  cluster: z
    .object({
      reason: z
        .string()
        .exactOptional()
        .meta({ description: 'Why the other processes are not known.' }),
      processes: z.array(
        processState.extend({
          state: z.enum(['live', 'gone']).meta({
            description:
              '`gone`: it was killed, or cannot reach Redis. It is listed for 10 minutes.',
          }),
          seenSecondsAgo: z.number(),
          isThis: z.boolean(),
        }),
      ),
      live: z.int(),
      connections: z.record(z.string(), z.int()),
      users: z.int().meta({ description: 'A user of two processes counts twice.' }),
    })
    .meta({ description: 'All processes, and sums over those that are live.' }),
})

export const system = z.discriminatedUnion('scope', [
  tenantState,
  installationState.meta({
    description: 'For an operator: the process that answers, and the whole installation.',
  }),
])

const checks = z.record(z.string(), z.object({ ok: z.boolean(), reason: z.string().optional() }))

export const live = z.object({ status: z.enum(['live', 'not live']), checks })

export const readiness = z.object({
  status: z.enum(['ready', 'not ready']),
  checks,
})

export const key = z.object({
  id: z.uuid(),
  tenant: z.string(),
  name: z.string(),
  userId: z.string().meta({ description: 'Whom the ledger names as the actor.' }),
  roles: z.array(z.enum(KEY_ROLES)),
  scopes: z
    .array(z.enum(SCOPES))
    .nullable()
    .meta({ description: 'Null: everything that its roles allow.' }),
  prefix: z.string().meta({ description: 'The beginning of the key.' }),
  previousUntil: time.nullable().meta({ description: 'Until then the key before works too.' }),
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  lastUsedAt: time.nullable().meta({ description: 'Up to a minute late.' }),
  createdBy: z.string(),
  createdAt: time,
})

export const newKey = key.extend({
  key: z.string().nullable().meta({
    description: '`lb_live_…`. Null in a repeated answer: then rotate it.',
  }),
})

export const keys = z.object({ items: z.array(key), nextCursor: z.string().nullable() })

export const tenant = z.object({
  id: z.string(),
  name: z.string(),
  suspended: z.boolean(),
  suspendedAt: time.nullable(),
  suspendedReason: z.string().nullable(),
  createdBy: z.string(),
  createdAt: time,
  updatedAt: time,
  currency: z.string().nullable(),
  limits: z
    .array(
      z.object({
        type: z.enum(LIMITED_TYPES),
        currency: z.string(),
        maxAmount: amount.nullable(),
        maxSum: amount.nullable(),
        windowSeconds: z.int().nullable(),
      }),
    )
    .nullable(),
  rateLimits: z
    .object({
      reads: z.int().exactOptional(),
      writes: z.int().exactOptional(),
      handshakes: z.int().exactOptional(),
    })
    .nullable(),
  maxConnections: z.int().nullable(),
  identity: z
    .object({
      kind: z.enum(['secret', 'jwks']),
      jwksUrl: z.string().nullable(),
      issuer: z.string().nullable(),
      audience: z.string().nullable(),
    })
    .nullable(),
  allowedOrigins: z.array(z.string()).nullable(),
  maxWebhooks: z.int().nullable(),
  eventRetentionSeconds: z.int().nullable(),
  defaultMaxRate: z.number().nullable(),
  maxRate: z.number().nullable(),
})

export const tenants = z.object({ items: z.array(tenant), nextCursor: z.string().nullable() })

export const tenantUsage = z.object({
  from: time,
  to: time,
  users: z.int().meta({ description: 'Ever.' }),
  newUsers: z.int().meta({ description: 'In the range.' }),
  events: z.int().meta({ description: 'Ever, with those that are not kept any more.' }),
  currencies: z.array(
    z.object({
      currency: z.string(),
      transactions: z.int().meta({ description: 'Opened in the range.' }),
      volume: amount.meta({ description: 'Of those of them that succeeded.' }),
    }),
  ),
  connections: z.int().meta({ description: 'Open streams now.' }),
  keys: z.int().meta({ description: 'API keys that work.' }),
  requests: z.object({ window: z.enum(['hour', 'day']), count: z.int() }),
})

export const tenantToken = z.object({
  token: z.string().nullable().meta({ description: '`lb_oper_…`, in place of a token.' }),
  tenant: z.string(),
  userId: z.string(),
  expiresAt: time,
})
