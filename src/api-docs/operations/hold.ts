import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { settles, spends } from './refusals.ts'

export const hold: Operations = {
  'POST /transactions/hold': {
    id: 'hold',
    tag: 'Holds',
    summary: 'Set money aside',
    description: 'Lowers what is available at once, and the balance at capture.',
    success: [201, answers.transaction],
    refusals: [...spends, 'unknown_user'],
  },
  'POST /transactions/hold/:id/capture': {
    id: 'captureHold',
    tag: 'Holds',
    summary: 'Take what was set aside, or a part of it',
    description: 'What is not captured is free again.',
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
    summary: 'Free what was set aside',
    success: [200, answers.transaction],
    refusals: [...settles, 'not_your_hold'],
  },
}
