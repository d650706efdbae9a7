import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const revocations: Operations = {
  'POST /admin/revocations': {
    id: 'revokeTokens',
    tag: 'Admin',
    summary: 'Revoke a user’s tokens, or a single one',
    description:
      'Counts at once in this process and within a second in all: requests get 401 `token_revoked`, tickets made from such a token open nothing, and open connections end, with an `error` event. Once more renews it.',
    success: [201, answers.revocation],
  },
  'GET /admin/revocations': {
    id: 'listRevocations',
    tag: 'Admin',
    summary: 'The revocations that stand, newest first',
    success: [200, answers.revocations],
  },
  'DELETE /admin/revocations/:id': {
    id: 'liftRevocation',
    tag: 'Admin',
    summary: 'Take a revocation back',
    description: 'Its tokens count again until they expire.',
    success: [200, answers.deleted],
    problems: { 404: '`not_found`: There is no such revocation.' },
  },
}
