import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { spends } from './refusals.ts'

export const payment: Operations = {
  'POST /transactions': {
    id: 'pay',
    tag: 'Payments',
    summary: 'Pay for a booking',
    description: '`amount` is given positive and booked negative.',
    success: [201, answers.transaction],
    refusals: [...spends, 'unknown_user'],
  },
  'POST /transactions/:id/refund': {
    id: 'refund',
    tag: 'Payments',
    summary: 'Give back a payment, whole or in part',
    description: 'Without `amount`, all that is left of it. Nobody refunds their own payment.',
    success: [201, answers.transaction],
    refusals: [
      'invalid_amount',
      'self_approval',
      'not_found',
      'wrong_type',
      'not_refundable',
      'refund_exceeds_payment',
      'balance_limit_exceeded',
    ],
  },
  'POST /transactions/transfer': {
    id: 'transfer',
    tag: 'Payments',
    summary: 'Send money to another user',
    success: [201, answers.transaction],
    refusals: [...spends, 'self_transfer', 'unknown_user', 'balance_limit_exceeded'],
  },
  'POST /transactions/adjustment': {
    id: 'adjust',
    tag: 'Payments',
    summary: 'Correct a balance by a signed amount',
    description: 'Nobody adjusts their own balance.',
    success: [201, answers.transaction],
    refusals: [...spends, 'self_approval', 'unknown_user', 'balance_limit_exceeded'],
  },
}
