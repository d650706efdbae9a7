import type { MetricDefinition } from '../family.ts'
import { tallied } from '../samples.ts'

/** What is asked over HTTP. */
export const requests: readonly MetricDefinition[] = [
  {
    name: 'http_request_duration_seconds',
    type: 'histogram',
    labels: ['route', 'method', 'status'],
    help: 'Time until an answer began, by route pattern (`none`: no such route), method and class of status. Its count is the number of requests.',
    read: ({ requests }) =>
      [...requests.read()].map(({ route, method, status, seconds }) => ({
        labels: { route, method, status },
        value: seconds,
      })),
  },
  {
    name: 'rate_limited_total',
    type: 'counter',
    labels: ['budget'],
    help: 'Requests and handshakes refused because a rate limit was used up, by budget.',
    read: ({ rateLimited }) => tallied(rateLimited),
  },
]
