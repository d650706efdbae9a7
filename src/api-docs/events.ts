import * as z from 'zod'
import { ERRORS } from '../http/errors.ts'
import { REQUEST_TYPES } from '../ledger/command.ts'
import { LEDGER_EVENTS, OVERAGES } from '../ledger/event.ts'
import type { ErrorCode } from '../lib/api-error.ts'
import { system } from './responses.ts'

/** The messages of real-time connections, by the name of the event. Amounts are major units. */

const amount = z.number()
const time = z.iso.datetime({ offset: true })

const position = {
  id: z.string().meta({
    description:
      '`<epoch>:<seq>`. Connect with it as `lastEventId` to resume after this event. With `maxRate`, a frame just before a merged one has the id of an earlier event, from where nothing is lost.',
  }),
  seq: z.int().meta({
    description:
      'Counts the events of one user without gaps, in order of commit. In `balance_initial`, the stream continues after it. In `balance_current`, it is the newest event.',
  }),
  currency: z.string(),
}

const transaction = {
  transactionId: z.uuid(),
  transactionType: z.string(),
}

const RECALCULATED = 'Missing when an admin recalculated the balance.'

const ofHold = {
  transactionId: z.uuid().meta({ description: 'The hold.' }),
  heldAmount: amount,
  capturedAmount: amount.meta({
    description: 'The sum of the captures so far. It is charged when the hold ends.',
  }),
  remaining: amount.meta({ description: 'The held amount less the captured one.' }),
  overage: z.enum(OVERAGES).meta({
    description: '`balance`: further captures take from the available balance.',
  }),
  expiresAt: time,
  available: amount.meta({ description: 'Of the user: the balance less what is held.' }),
  timestamp: time,
  ...position,
}

/** From the server to a client. */
export const SENT = {
  balance_initial: z
    .object({
      balance: amount,
      ...position,
      recovered: z.boolean().optional().meta({
        description:
          'True: every event after the given `lastEventId` follows. False: events may be missing.',
      }),
      replay: z.int().optional().meta({
        description: 'How many of these events `balance` already includes.',
      }),
      conflated: z.boolean().optional().meta({
        description: 'Events were left out, because the client read too slowly.',
      }),
    })
    .meta({
      description:
        'The first event on every connection. It is sent again when events were left out.',
    }),
  balance_updated: z
    .object({
      newBalance: amount,
      previousBalance: amount,
      transactionId: z.uuid().optional().meta({ description: RECALCULATED }),
      transactionType: z.string().optional().meta({ description: RECALCULATED }),
      amount: amount.optional().meta({ description: RECALCULATED }),
      timestamp: time,
      fromSeq: z.int().optional().meta({
        description:
          'Only in a frame that stands for several changes, as the rest is: the first event of its time. Such a frame has no transaction.',
      }),
      toSeq: z.int().optional().meta({ description: 'The last event of its time.' }),
      count: z.int().optional().meta({ description: 'How many changes of this currency it has.' }),
      sum: amount.optional().meta({ description: 'The sum of the changes, signed.' }),
      completed: z.int().optional().meta({
        description: 'How many `transaction_completed` it has. Missing with `transactions=each`.',
      }),
      failed: z.int().optional().meta({ description: 'The same for `transaction_failed`.' }),
      ...position,
    })
    .meta({
      description:
        'The balance changed: sent once per change, or less often with `maxRate`. Also sent when an admin recalculates the balance, even if it was right.',
    }),
  transaction_completed: z
    .object({
      ...transaction,
      amount,
      newBalance: amount,
      timestamp: time,
      status: z.string(),
      ...position,
    })
    .meta({
      description:
        'A transaction ended with `success`: its money is booked. A transfer sends it to both users.',
    }),
  transaction_failed: z
    .object({ ...transaction, timestamp: time, status: z.string(), ...position })
    .meta({
      description:
        'A transaction ended with `failed`, `cancelled` or `expired`. The balance did not change; money that it held is available again.',
    }),
  balance_insufficient: z
    .object({
      requiredAmount: amount,
      currentBalance: amount,
      shortfall: amount.meta({ description: 'The required amount less the available amount.' }),
      timestamp: time,
      ...position,
    })
    .meta({
      description:
        'A payment, transfer, withdrawal, hold or negative adjustment was refused: not enough money is available.',
    }),
  balance_alert: z
    .object({
      threshold: amount,
      direction: z.enum(['below', 'above']).meta({ description: 'Where the balance is now.' }),
      newBalance: amount,
      timestamp: time,
      ...position,
    })
    .meta({ description: 'The balance crossed the threshold of a monitor, in its direction.' }),
  wallet_frozen: z
    .object({
      frozen: z.enum(['debits', 'credits', 'both']).meta({
        description: 'What is refused from now on. It replaces an earlier freeze.',
      }),
      timestamp: time,
      ...position,
    })
    .meta({ description: 'An admin froze the wallet, in every currency.' }),
  wallet_unfrozen: z
    .object({ timestamp: time, ...position })
    .meta({ description: 'The wallet is not frozen any more.' }),
  available_changed: z
    .object({
      available: amount.meta({ description: 'The balance less what is held.' }),
      held: amount,
      ...transaction,
      amount,
      timestamp: time,
      ...position,
    })
    .meta({
      description:
        'A hold or a withdrawal holds money, holds more, or frees it. The balance did not change.',
    }),
  hold_exhausted: z.object(ofHold).meta({
    description:
      'Nothing is left of a hold that is captured in parts, or less than a refused capture asked for. Sent to its user and to the service that opened it.',
  }),
  hold_expiring: z.object(ofHold).meta({
    description:
      'A hold expires soon (`HOLD_EXPIRING_SECONDS`). Sent once, and again after its time was extended. Sent to its user and to the service that opened it.',
  }),
  auto_topup_paused: z
    .object({
      transactionId: z.uuid().meta({ description: 'The topup that could not be paid.' }),
      reason: z.string().meta({ description: 'Such as `card_declined`, in the provider’s words.' }),
      timestamp: time,
      ...position,
    })
    .meta({ description: 'Auto top-up stopped, until the user turns it on again.' }),
  balance_subscribed: z
    .object({ currency: z.string() })
    .meta({ description: 'Answers `subscribe_balance`.' }),
  balance_current: z
    .object({ balance: amount, ...position })
    .meta({ description: 'Answers `get_current_balance`.' }),
  authenticated: z
    .object({ expiresAt: time })
    .meta({ description: 'Answers `authenticate`: the connection now lasts until `expiresAt`.' }),
  token_expiring: z.object({ expiresAt: time }).meta({
    description:
      'The connection’s token expires in 60 s or less. Sent once per token. The connection ends when it expires.',
  }),
  error: z
    .object({
      code: z.enum(Object.keys(ERRORS) as [ErrorCode]),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional().meta({
        description:
          '`reason`, and the `claim` it is about, when a token sent with `authenticate` is refused.',
      }),
    })
    .meta({
      description:
        'Answers a message that cannot be fulfilled. Also sent before the server ends a connection that must not reconnect unchanged.',
    }),
} as const

const ofService = {
  userId: z.string().meta({ description: 'The user for whom the service opened the hold.' }),
  ...ofHold,
}

/** From the server to a service, on `/service/stream`. */
export const SENT_TO_SERVICES = {
  service_initial: z
    .object({
      holds: z.array(
        z.object({ event: z.enum(['hold_exhausted', 'hold_expiring']), ...ofService }),
      ),
    })
    .meta({
      description:
        'The first event on every connection: the open holds of the service that are exhausted or expire soon, with the figures of now. Holds beyond 500 follow as events.',
    }),
  service_hold_exhausted: z.object(ofService).meta({
    title: 'hold_exhausted',
    description:
      'Nothing is left of a hold that the service opened, or less than a refused capture asked for.',
  }),
  service_hold_expiring: z.object(ofService).meta({
    title: 'hold_expiring',
    description: 'A hold that the service opened expires soon.',
  }),
} as const

/** From the server to an admin, on `/admin/stream`, beside the events of users. */
export const SENT_TO_ADMINS = {
  admin_state: z.object({ live: z.boolean(), reason: z.string().optional() }).meta({
    description:
      'First on every connection, and again whenever something may have been missed: read again what you show. While `live` is false no events arrive, so ask from time to time.',
  }),
  request_waiting: z
    .object({
      userId: z.string(),
      transactionId: z.string(),
      transactionType: z.enum(REQUEST_TYPES),
      amount: z.number(),
      currency: z.string(),
      timestamp: time,
    })
    .meta({
      description:
        'A topup, a withdrawal, or an adjustment or refund that needs a second admin, waits. Sent again after a first approval. It has no `seq`, because nothing has happened to the money of the user.',
    }),
  provider_case: z
    .object({
      transactionId: z.string().meta({ description: 'The topup.' }),
      reason: z.string().optional(),
      timestamp: time,
    })
    .meta({
      description:
        'An event of a payment provider was not applied and waits: `GET /admin/provider-events`.',
    }),
  webhook_changed: z.object({ webhookId: z.uuid(), timestamp: time }).meta({
    description:
      'The settings of a webhook, or what was sent to it, have changed: `GET /admin/webhooks`. At most every two seconds from each process.',
  }),
  system_state: system.meta({
    description:
      'The answer of `GET /admin/system`, every two seconds. It is sent only to those who name it in `events`, and the only event that an operator without the role `admin` can have.',
  }),
} as const

/** Answers to a client's message. SSE has none, because its clients cannot send. */
export const ANSWERS: readonly string[] = [
  'balance_subscribed',
  'balance_current',
  'authenticated',
] satisfies (keyof typeof SENT)[]

/** From a client to the server, over Socket.IO and WebSocket. */
export const RECEIVED = {
  subscribe_balance: z
    .object({})
    .meta({ description: 'Not needed: every connection is subscribed from the start.' }),
  get_current_balance: z
    .object({})
    .meta({ description: 'Asks for the current balance in the currency of the connection.' }),
  authenticate: z.object({ token: z.string() }).meta({
    description:
      'Extends the connection with a new token, or ticket, of the same user. The sixth refused token ends the connection.',
  }),
} as const

/** A message of the Redis channel `balance:updates`: the same events, for all users. */
export const updateMessage = z
  .object({
    event: z.enum(LEDGER_EVENTS),
    userId: z.string(),
    tenantId: z.string(),
    newBalance: amount,
    previousBalance: amount.optional(),
    transactionId: z.uuid().optional(),
    transactionType: z.string().optional(),
    status: z.string().optional(),
    amount: amount.optional(),
    requiredAmount: amount.optional(),
    currentBalance: amount.optional(),
    shortfall: amount.optional(),
    available: amount.optional(),
    held: amount.optional(),
    heldAmount: amount.optional(),
    capturedAmount: amount.optional(),
    remaining: amount.optional(),
    overage: z.enum(OVERAGES).optional(),
    expiresAt: time.optional(),
    service: z.string().optional().meta({
      description: 'The service that opened the hold. The event is on its stream, too.',
    }),
    threshold: amount.optional(),
    direction: z.enum(['below', 'above']).optional(),
    frozen: z.enum(['debits', 'credits', 'both']).optional(),
    reason: z.string().optional(),
    timestamp: time,
    traceparent: z.string().optional(),
    ...position,
  })
  .meta({
    description:
      'One event of one user, sent to all processes. `redis-cli SUBSCRIBE balance:updates` shows it.',
  })

const EPOCH = '5f2c9a1be07d'

const at = (seq: number) => ({ id: `${EPOCH}:${seq}`, seq, currency: 'USD' })

const timestamp = '2025-11-04T10:30:00.123456Z'

const payment = {
  transactionId: '019a4e5c-7b1e-7000-8000-5f3c2d1b0a99',
  transactionType: 'booking_payment',
}

const hold = {
  transactionId: '019a4e5c-7b1e-7000-8000-5f3c2d1b0a9a',
  heldAmount: 20,
  overage: 'refuse' as const,
  expiresAt: '2025-11-04T10:45:00.123456Z',
  available: 50,
  timestamp,
}

type Messages = typeof SENT &
  typeof SENT_TO_SERVICES &
  typeof SENT_TO_ADMINS &
  typeof RECEIVED & { update: typeof updateMessage }

/** One message of each kind, around a payment of 30 from a balance of 100. */
export const EXAMPLES: { [Name in keyof Messages]: z.infer<Messages[Name]> } = {
  balance_initial: { balance: 100, ...at(7), recovered: true, replay: 0 },
  balance_updated: {
    newBalance: 70,
    previousBalance: 100,
    ...payment,
    amount: -30,
    timestamp,
    ...at(8),
  },
  transaction_completed: {
    ...payment,
    amount: -30,
    newBalance: 70,
    timestamp,
    status: 'success',
    ...at(9),
  },
  transaction_failed: {
    ...payment,
    transactionType: 'topup',
    timestamp,
    status: 'failed',
    ...at(10),
  },
  balance_insufficient: {
    requiredAmount: 100,
    currentBalance: 70,
    shortfall: 30,
    timestamp,
    ...at(11),
  },
  balance_alert: {
    threshold: 75,
    direction: 'below',
    newBalance: 70,
    timestamp,
    ...at(12),
  },
  wallet_frozen: { frozen: 'debits', timestamp, ...at(13) },
  wallet_unfrozen: { timestamp, ...at(14) },
  available_changed: {
    available: 50,
    held: 20,
    transactionId: hold.transactionId,
    transactionType: 'hold',
    amount: -20,
    timestamp,
    ...at(15),
  },
  hold_exhausted: { ...hold, capturedAmount: 20, remaining: 0, ...at(16) },
  hold_expiring: { ...hold, capturedAmount: 8, remaining: 12, ...at(17) },
  auto_topup_paused: {
    transactionId: payment.transactionId,
    reason: 'card_declined',
    timestamp,
    ...at(18),
  },
  service_initial: {
    holds: [
      {
        ...{ event: 'hold_exhausted', userId: 'alice', ...hold },
        ...{ capturedAmount: 20, remaining: 0, ...at(16) },
      },
    ],
  },
  service_hold_exhausted: {
    ...{ userId: 'alice', ...hold, capturedAmount: 20, remaining: 0, ...at(16) },
  },
  service_hold_expiring: {
    ...{ userId: 'alice', ...hold, capturedAmount: 8, remaining: 12, ...at(17) },
  },
  admin_state: { live: true },
  request_waiting: {
    ...{ userId: 'alice', transactionId: payment.transactionId, transactionType: 'topup' },
    ...{ amount: 60, currency: 'USD', timestamp },
  },
  provider_case: {
    transactionId: payment.transactionId,
    reason: 'amount_mismatch',
    timestamp,
  },
  webhook_changed: { webhookId: '019a4e5c-0000-7000-8000-000000000001', timestamp },
  system_state: {
    ...{ scope: 'tenant', version: '1.0.0', connections: 12 },
    ...{ payments: { ok: true }, events: { ok: true } },
  },
  balance_subscribed: { currency: 'USD' },
  balance_current: { balance: 70, ...at(18) },
  authenticated: { expiresAt: '2025-11-04T11:30:00.000000Z' },
  token_expiring: { expiresAt: '2025-11-04T10:31:00.000000Z' },
  error: { code: 'token_expired', message: 'The token has expired.' },
  subscribe_balance: {},
  get_current_balance: {},
  authenticate: { token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…' },
  update: {
    event: 'balance_updated',
    userId: 'alice',
    tenantId: 'default',
    newBalance: 70,
    previousBalance: 100,
    ...payment,
    status: 'success',
    amount: -30,
    timestamp,
    ...at(8),
  },
}
