import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'
import { stillRunning } from './refusals.ts'

export const audit: Operations = {
  'GET /transactions/verify/:userId': {
    id: 'verifyBalance',
    tag: 'Audit',
    summary: 'Compare the balance of a wallet with the sum of its entries',
    success: [200, answers.verification],
    problems: { 404: '`not_found`: This user has no wallet in this currency.' },
  },
  'GET /transactions/audit': {
    id: 'audit',
    tag: 'Audit',
    summary: 'Compare every wallet of the tenant, and the ledger as a whole, with the entries',
    success: [200, answers.audit],
  },
  'POST /transactions/recalculate/:userId': {
    id: 'recalculateBalance',
    tag: 'Audit',
    summary: 'Rebuild the stored balance of a wallet from its entries, and refresh the cache',
    description: 'Clients always get `balance_updated`, even if the balance was right.',
    success: [200, answers.recalculation],
    problems: {
      404: '`not_found`: This user has no wallet in this currency.',
      ...stillRunning,
    },
  },
  'POST /transactions/recalculate-all': {
    id: 'recalculateAllBalances',
    tag: 'Audit',
    summary:
      'Rebuild every wallet of the tenant whose stored balance is wrong, and refresh the cache',
    description: 'Only clients of a wallet that was wrong get `balance_updated`.',
    success: [200, answers.recalculationOfAll],
    problems: stillRunning,
  },
}
