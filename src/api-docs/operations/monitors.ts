import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const monitors: Operations = {
  'GET /transactions/monitors': {
    id: 'listMonitors',
    tag: 'Monitors and limits',
    summary: 'Balance alerts that are set',
    success: [200, answers.monitors],
  },
  'PUT /transactions/monitors': {
    id: 'putMonitor',
    tag: 'Monitors and limits',
    summary: 'Be told by `balance_alert` when the balance crosses a threshold',
    success: [200, answers.monitor],
    problems: { 409: '`conflict`: There are 20 monitors already.' },
  },
  'DELETE /transactions/monitors': {
    id: 'deleteMonitors',
    tag: 'Monitors and limits',
    summary: 'Remove all balance alerts',
    success: [200, answers.deleted],
  },
  'DELETE /transactions/monitors/:id': {
    id: 'deleteMonitor',
    tag: 'Monitors and limits',
    summary: 'Remove one balance alert',
    success: [200, answers.deleted],
    problems: { 404: '`not_found`: There is no such monitor.' },
  },
}
