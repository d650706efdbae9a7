import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const admin: Operations = {
  'GET /admin/wallets': {
    id: 'listWallets',
    tag: 'Admin',
    summary: 'The users of the tenant with their balances in every currency, ordered by user id',
    success: [200, answers.wallets],
  },
  'GET /admin/requests': {
    id: 'listRequests',
    tag: 'Admin',
    summary:
      'Pending topups and withdrawals, and their number; oldest first unless `order` says otherwise',
    success: [200, answers.requests],
  },
  'GET /admin/system': {
    id: 'systemState',
    tag: 'Admin',
    summary: 'The state of the process that answers, and of Postgres and Redis',
    success: [200, answers.system],
  },
}
