import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { settles, spends } from './refusals.ts'

export const withdrawal: Operations = {
  'POST /transactions/withdrawal': {
    id: 'requestWithdrawal',
    tag: 'Withdrawals',
    summary: 'Ask for a withdrawal',
    description:
      'The money is held at once. The balance falls when an admin approves; a rejection makes the money available again.',
    success: [201, answers.transaction],
    refusals: spends,
  },
  'PATCH /transactions/withdrawal/:id/process': {
    id: 'processWithdrawal',
    tag: 'Withdrawals',
    summary: 'Approve or reject a withdrawal',
    description:
      '`success` takes the held money: clients get `balance_updated` and `transaction_completed`. `failed` releases it: clients get `transaction_failed`. You cannot process your own withdrawal.',
    success: [200, answers.transaction],
    refusals: [...settles, 'self_approval'],
  },
}
