import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const health: Operations = {
  'GET /health/live': {
    id: 'live',
    tag: 'Health',
    summary: 'Whether the process should be let live, with reasons',
    success: [200, answers.live],
    problems: { 503: 'Its event loop was held up for seconds.' },
  },
  'GET /health/ready': {
    id: 'ready',
    tag: 'Health',
    summary: 'Whether this process should get traffic, with reasons',
    success: [200, answers.readiness],
    problems: { 503: 'It should not.' },
  },
}
