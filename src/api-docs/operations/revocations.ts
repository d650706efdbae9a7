import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { stillRunning } from './refusals.ts'

export const revocations: Operations = {
  'POST /admin/revocations': {
    id: 'revokeTokens',
    tag: 'Admin',
    summary: 'Revoke a user’s tokens, or a single one',
    description:
      'It applies at once in this process, and within a second in all. Requests get 401 `token_revoked`. Tickets made from such a token are refused. Open connections end with an `error` event. The same revocation again also covers tokens issued since.',
    success: [201, answers.revocation],
    problems: stillRunning,
  },
  'GET /admin/revocations': {
    id: 'listRevocations',
    tag: 'Admin',
    summary: 'The revocations in force, newest first',
    success: [200, answers.revocations],
  },
  'DELETE /admin/revocations/:id': {
    id: 'liftRevocation',
    tag: 'Admin',
    summary: 'Take a revocation back',
    description: 'Its tokens are valid again until they expire.',
    success: [200, answers.deleted],
    problems: { 404: '`not_found`: There is no such revocation.' },
  },
}
