import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { settles, spends } from './refusals.ts'

export const hold: Operations = {
  'POST /transactions/hold': {
    id: 'hold',
    tag: 'Holds',
    summary: 'Hold money for a later payment',
    description:
      'The available amount falls at once, the balance at capture. After `expiresIn` seconds the hold expires: the money is available again, and clients get `transaction_failed`.',
    success: [201, answers.transaction],
    refusals: [...spends, 'unknown_user'],
  },
  'POST /transactions/hold/:id/capture': {
    id: 'captureHold',
    tag: 'Holds',
    summary: 'Take the held money, or a part of it',
    description: 'The rest is available again. A hold is captured once.',
    success: [200, answers.transaction],
    refusals: [
      ...settles,
      'invalid_amount',
      'capture_exceeds_hold',
      'hold_expired',
      'not_your_hold',
    ],
  },
  'POST /transactions/hold/:id/void': {
    id: 'voidHold',
    tag: 'Holds',
    summary: 'Release the held money',
    success: [200, answers.transaction],
    refusals: [...settles, 'not_your_hold'],
  },
}
