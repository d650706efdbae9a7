import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const limits: Operations = {
  'GET /transactions/limits': {
    id: 'listLimits',
    tag: 'Monitors and limits',
    summary: 'Spending limits that are set',
    success: [200, answers.limits],
  },
  'PUT /transactions/limits': {
    id: 'putLimit',
    tag: 'Monitors and limits',
    summary: 'Set what a user may spend at once, and within a time',
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
