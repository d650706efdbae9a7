import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const limits: Operations = {
  'GET /transactions/limits': {
    id: 'listLimits',
    tag: 'Monitors and limits',
    summary: 'The spending limits of all users, or of one',
    success: [200, answers.limits],
  },
  'PUT /transactions/limits': {
    id: 'putLimit',
    tag: 'Monitors and limits',
    summary: 'Limit a user’s single amount, or sum within a time, per type and currency',
    description: 'Replaces the limit of the same user, type and currency.',
    success: [200, answers.limit],
  },
  'DELETE /transactions/limits': {
    id: 'deleteLimit',
    tag: 'Monitors and limits',
    summary: 'Remove a spending limit',
    success: [200, answers.deleted],
    problems: { 404: '`not_found`: There is no such limit.' },
  },
}
