import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { opens, settles } from './refusals.ts'

export const topup: Operations = {
  'POST /transactions/topup': {
    id: 'requestTopup',
    tag: 'Topups',
    summary: 'Ask for a topup',
    description: 'The transaction is pending until an admin processes it or the user cancels it.',
    success: [201, answers.transaction],
    refusals: opens,
  },
  'POST /transactions/topup/:id/cancel': {
    id: 'cancelTopup',
    tag: 'Topups',
    summary: 'Cancel your own pending topup',
    success: [200, answers.transaction],
    refusals: settles,
  },
  'PATCH /transactions/topup/:id/process': {
    id: 'processTopup',
    tag: 'Topups',
    summary: 'Approve or reject a topup',
    description:
      '`success` adds the money: clients get `balance_updated` and `transaction_completed`. `failed` changes no balance: clients get `transaction_failed`. You cannot process your own topup.',
    success: [200, answers.transaction],
    refusals: [...settles, 'self_approval', 'balance_limit_exceeded'],
  },
  'GET /transactions/topup/pending': {
    id: 'listPendingTopups',
    tag: 'Topups',
    summary: 'Pending topups, and their number; newest first unless `order` says otherwise',
    success: [200, answers.requests],
  },
  'GET /transactions/topup/all': {
    id: 'listTopups',
    tag: 'Topups',
    summary: 'All topups of the tenant, newest first unless `order` says otherwise',
    success: [200, answers.page],
  },
}
