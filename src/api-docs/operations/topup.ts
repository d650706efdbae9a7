import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { opens, settles } from './refusals.ts'

export const topup: Operations = {
  'POST /transactions/topup': {
    id: 'requestTopup',
    tag: 'Topups',
    summary: 'Ask for a topup',
    description: 'The transaction is pending until an admin processes it.',
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
      '`success` moves the money and tells the user’s clients; `failed` tells them that nothing moved.',
    success: [200, answers.transaction],
    refusals: [...settles, 'self_approval', 'balance_limit_exceeded'],
  },
  'GET /transactions/topup/pending': {
    id: 'listPendingTopups',
    tag: 'Topups',
    summary: 'Topups that wait for an admin, and how many',
    success: [200, answers.requests],
  },
  'GET /transactions/topup/all': {
    id: 'listTopups',
    tag: 'Topups',
    summary: 'All topups of the tenant',
    success: [200, answers.page],
  },
}
