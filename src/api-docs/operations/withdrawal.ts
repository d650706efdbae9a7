import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { settles, spends } from './refusals.ts'

export const withdrawal: Operations = {
  'POST /transactions/withdrawal': {
    id: 'requestWithdrawal',
    tag: 'Withdrawals',
    summary: 'Ask for a withdrawal',
    description: 'The money is held at once, and leaves when an admin approves.',
    success: [201, answers.transaction],
    refusals: spends,
  },
  'PATCH /transactions/withdrawal/:id/process': {
    id: 'processWithdrawal',
    tag: 'Withdrawals',
    summary: 'Approve or reject a withdrawal',
    success: [200, answers.transaction],
    refusals: [...settles, 'self_approval'],
  },
}
