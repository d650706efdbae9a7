import { z } from 'zod'
import { CODES } from '../http/codes.ts'
import { LEDGER_EVENTS } from '../ledger/event.ts'
import type { ErrorCode } from '../lib/api-error.ts'

/** What travels on real-time connections, by the name of the event. Amounts are major units. */

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
      code: z.enum(Object.keys(CODES) as [ErrorCode]),
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

/** Answers to what a client sent, which a client of SSE cannot. */
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
