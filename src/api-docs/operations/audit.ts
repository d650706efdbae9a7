import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const audit: Operations = {
  'GET /transactions/verify/:userId': {
    id: 'verifyBalance',
    tag: 'Audit',
    summary: 'Hold a wallet against the sum of its entries',
    success: [200, answers.verification],
    problems: { 404: '`not_found`: This user has no wallet in this currency.' },
  },
  'GET /transactions/audit': {
    id: 'audit',
    tag: 'Audit',
    summary: 'Hold every wallet, and the ledger as a whole, against the entries',
    success: [200, answers.audit],
  },
  'POST /transactions/recalculate/:userId': {
    id: 'recalculateBalance',
    tag: 'Audit',
    summary: 'Rebuild a wallet’s snapshot, refresh the cache and tell the clients',
    success: [200, answers.recalculation],
    problems: { 404: '`not_found`: This user has no wallet in this currency.' },
  },
  'POST /transactions/recalculate-all': {
    id: 'recalculateAllBalances',
    tag: 'Audit',
    summary: 'Do so for every wallet of the tenant',
    success: [200, answers.recalculationOfAll],
  },
}
