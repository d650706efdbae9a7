import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const ticket: Operations = {
  'POST /balance/ticket': {
    id: 'issueTicket',
    tag: 'Streams',
    summary: 'A single-use stand-in for the token, good for 30 s',
    description: 'For EventSource and WebSocket in browsers, as `?token=`.',
    success: [201, answers.ticket],
  },
}
