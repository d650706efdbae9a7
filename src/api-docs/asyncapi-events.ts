import { z } from 'zod'
import { CODES } from '../http/codes.ts'
import { LEDGER_EVENTS } from '../ledger/event.ts'
import type { ErrorCode } from '../lib/api-error.ts'

/** What travels on real-time connections, by the name of the event. Amounts are major units. */

const amount = z.number()
const time = z.iso.datetime({ offset: true })

const position = {
  id: z.string().meta({ description: '`<epoch>:<seq>`; give it back to resume after this event.' }),
  seq: z.int().meta({ description: 'Counted per user: no hole, no repeat, in order of commit.' }),
  currency: z.string(),
}

const transaction = {
  transactionId: z.uuid(),
  transactionType: z.string(),
}

/** From the server to a client. */
export const SENT = {
  balance_initial: z
    .object({
      balance: amount,
      ...position,
      recovered: z.boolean().optional().meta({
        description: 'Whether everything after the given `lastEventId` follows.',
      }),
      replay: z.int().optional().meta({ description: 'Events that follow from history.' }),
      conflated: z.boolean().optional().meta({
        description: 'Events were left out because the connection read too slowly.',
      }),
    })
    .meta({ description: 'First on every connection.' }),
  balance_updated: z
    .object({
      newBalance: amount,
      previousBalance: amount,
      ...transaction,
      amount,
      timestamp: time,
      ...position,
    })
    .meta({ description: 'The balance changed: once per change.' }),
  transaction_completed: z
    .object({
      ...transaction,
      amount,
      newBalance: amount,
      timestamp: time,
      status: z.string(),
      ...position,
    })
    .meta({ description: 'A transaction ended with `success`: its money is booked.' }),
  transaction_failed: z
    .object({ ...transaction, timestamp: time, status: z.string(), ...position })
    .meta({
      description:
        'A transaction ended with `failed`, `cancelled` or `expired`; the balance is what it was.',
    }),
  balance_insufficient: z
    .object({
      requiredAmount: amount,
      currentBalance: amount,
      shortfall: amount.meta({ description: 'What was missing of the available money.' }),
      timestamp: time,
      ...position,
    })
    .meta({ description: 'A debit was refused for want of money.' }),
  balance_alert: z
    .object({
      threshold: amount,
      direction: z.enum(['below', 'above']),
      newBalance: amount,
      timestamp: time,
      ...position,
    })
    .meta({ description: 'The balance crossed the threshold of a monitor.' }),
  balance_subscribed: z
    .object({ currency: z.string() })
    .meta({ description: 'Answers `subscribe_balance`.' }),
  balance_current: z
    .object({ balance: amount, ...position })
    .meta({ description: 'Answers `get_current_balance`.' }),
  authenticated: z
    .object({ expiresAt: time })
    .meta({ description: 'Answers `authenticate`: the connection lives on until then.' }),
  token_expiring: z
    .object({ expiresAt: time })
    .meta({ description: '60 s before the connection’s token expires.' }),
  error: z
    .object({
      code: z.enum(Object.keys(CODES) as [ErrorCode]),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional().meta({
        description: 'Why a token that was sent with `authenticate` is refused.',
      }),
    })
    .meta({
      description:
        'Before the server ends a connection that should not come back as it is, and in answer to a request that cannot be fulfilled.',
    }),
} as const

/** From a client to the server, over Socket.IO and WebSocket. */
export const RECEIVED = {
  subscribe_balance: z
    .object({})
    .meta({ description: 'Asks for what every connection gets anyway.' }),
  get_current_balance: z.object({}).meta({ description: 'Asks for the balance now.' }),
  authenticate: z.object({ token: z.string() }).meta({
    description: 'A fresh token of the same user, so that the connection outlives the old.',
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
      'One event of one user, on its way to all processes; `redis-cli SUBSCRIBE balance:updates` shows it.',
  })
