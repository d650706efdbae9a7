import * as answers from '../answers.ts'
import type { Operations } from '../operation.ts'

export const admin: Operations = {
  'GET /admin/wallets': {
    id: 'listWallets',
    tag: 'Admin',
    summary: 'The users of the tenant and what they have, by user id',
    success: [200, answers.wallets],
  },
  'GET /admin/system': {
    id: 'systemState',
    tag: 'Admin',
    summary: 'How the process that answers is doing, and what it stands on',
    success: [200, answers.system],
  },
}
