import { z } from 'zod'
import { ERRORS } from '../http/errors.ts'
import { LEDGER_EVENTS } from '../ledger/event.ts'
import type { ErrorCode } from '../lib/api-error.ts'

/** The messages of real-time connections, by the name of the event. Amounts are major units. */

const amount = z.number()
const time = z.iso.datetime({ offset: true })

const position = {
  id: z.string().meta({
    description: '`<epoch>:<seq>`. Connect with it as `lastEventId` to resume after this event.',
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
      ...position,
    })
    .meta({
      description:
        'The balance changed: sent once per change. Also sent when an admin recalculates the balance, even if it was right.',
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
    threshold: amount.optional(),
    direction: z.enum(['below', 'above']).optional(),
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

type Messages = typeof SENT & typeof RECEIVED & { update: typeof updateMessage }

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
  balance_subscribed: { currency: 'USD' },
  balance_current: { balance: 70, ...at(12) },
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
