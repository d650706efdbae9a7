import type { z } from 'zod'
import type { RECEIVED, SENT, updateMessage } from './asyncapi-events.ts'

const EPOCH = '5f2c9a1be07d'

const position = (seq: number) => ({ id: `${EPOCH}:${seq}`, seq, currency: 'USD' })

const timestamp = '2025-11-04T10:30:00.123456Z'

const payment = {
  transactionId: '019a4e5c-7b1e-7000-8000-5f3c2d1b0a99',
  transactionType: 'booking_payment',
}

type Messages = typeof SENT & typeof RECEIVED & { update: typeof updateMessage }

/** One message of each kind: a payment of 30 from a balance of 100, and what may come before and after. */
export const EXAMPLES: { [Name in keyof Messages]: z.infer<Messages[Name]> } = {
  balance_initial: { balance: 100, ...position(7), recovered: true, replay: 0 },
  balance_updated: {
    newBalance: 70,
    previousBalance: 100,
    ...payment,
    amount: -30,
    timestamp,
    ...position(8),
  },
  transaction_completed: {
    ...payment,
    amount: -30,
    newBalance: 70,
    timestamp,
    status: 'success',
    ...position(9),
  },
  transaction_failed: {
    ...payment,
    transactionType: 'topup',
    timestamp,
    status: 'failed',
    ...position(10),
  },
  balance_insufficient: {
    requiredAmount: 100,
    currentBalance: 70,
    shortfall: 30,
    timestamp,
    ...position(11),
  },
  balance_alert: {
    threshold: 75,
    direction: 'below',
    newBalance: 70,
    timestamp,
    ...position(12),
  },
  balance_subscribed: { currency: 'USD' },
  balance_current: { balance: 70, ...position(12) },
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
    ...position(8),
  },
}
