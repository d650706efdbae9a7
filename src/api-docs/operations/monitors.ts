import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const monitors: Operations = {
  'GET /transactions/monitors': {
    id: 'listMonitors',
    tag: 'Monitors and limits',
    summary: 'The balance monitors of a user, oldest first',
    success: [200, answers.monitors],
  },
  'PUT /transactions/monitors': {
    id: 'putMonitor',
    tag: 'Monitors and limits',
    summary: 'Ask for `balance_alert` when the balance crosses a threshold',
    success: [200, answers.monitor],
    problems: { 409: '`conflict`: The user has 20 monitors, and this would be another.' },
  },
  'DELETE /transactions/monitors': {
    id: 'deleteMonitors',
    tag: 'Monitors and limits',
    summary: 'Remove all balance monitors of a user',
    success: [200, answers.deleted],
  },
  'DELETE /transactions/monitors/:id': {
    id: 'deleteMonitor',
    tag: 'Monitors and limits',
    summary: 'Remove one balance monitor',
    success: [200, answers.deleted],
    problems: { 404: '`not_found`: There is no such monitor.' },
  },
}
