import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { stillRunning } from './refusals.ts'

export const ticket: Operations = {
  'POST /balance/ticket': {
    id: 'issueTicket',
    tag: 'Streams',
    summary: 'A single-use ticket for one connection in place of the token',
    description:
      'For EventSource and WebSocket in browsers, as `?token=`. It expires after 30 s, or with the token if that is sooner. It counts against the rate limit of handshakes.',
    success: [201, answers.ticket],
    problems: stillRunning,
  },
}
