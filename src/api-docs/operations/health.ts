import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const health: Operations = {
  'GET /health/live': {
    id: 'live',
    tag: 'Health',
    summary: 'Whether the process works, with reasons; if not, restart it',
    success: [200, answers.live],
    unhealthy: answers.live,
    problems: { 503: 'The event loop of the process was blocked for seconds: `not live`.' },
  },
  'GET /health/ready': {
    id: 'ready',
    tag: 'Health',
    summary: 'Whether this process should get traffic, with reasons',
    success: [200, answers.readiness],
    unhealthy: answers.readiness,
    problems: { 503: 'The process should not get traffic: `not ready`.' },
  },
}
