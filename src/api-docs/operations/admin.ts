import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const admin: Operations = {
  'GET /admin/wallets': {
    id: 'listWallets',
    tag: 'Admin',
    summary: 'The users of the tenant and what they have in every currency, by user id',
    success: [200, answers.wallets],
  },
  'GET /admin/requests': {
    id: 'listRequests',
    tag: 'Admin',
    summary: 'Topups and withdrawals that wait for an admin, oldest first, and how many',
    success: [200, answers.requests],
  },
  'GET /admin/system': {
    id: 'systemState',
    tag: 'Admin',
    summary: 'How the process that answers is doing, and what it stands on',
    success: [200, answers.system],
  },
}
