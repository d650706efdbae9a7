import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { opens, spends } from './refusals.ts'

export const payment: Operations = {
  'POST /transactions': {
    id: 'pay',
    tag: 'Payments',
    summary: 'Pay for a booking',
    description: '`amount` is positive in the request and negative in the transaction.',
    success: [201, answers.transaction],
    refusals: [...spends, 'unknown_user'],
  },
  'POST /transactions/:id/refund': {
    id: 'refund',
    tag: 'Payments',
    summary: 'Refund a payment or a captured hold, in full or in part',
    description:
      'Default for `amount`: everything that was not refunded yet. You cannot refund your own payment.',
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
    description:
      'The receiver must be known. Users become known by their first request for a balance or a transaction, or by an adjustment.',
    success: [201, answers.transaction],
    refusals: [...spends, 'self_transfer', 'unknown_user', 'balance_limit_exceeded'],
  },
  'POST /transactions/adjustment': {
    id: 'adjust',
    tag: 'Payments',
    summary: 'Correct a balance by a signed amount',
    description:
      'You cannot adjust your own balance. A positive amount makes an unknown user known. Spending limits do not apply.',
    success: [201, answers.transaction],
    refusals: [
      ...opens,
      'insufficient_funds',
      'self_approval',
      'unknown_user',
      'balance_limit_exceeded',
    ],
  },
}
