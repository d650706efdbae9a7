import { EXPORT_FORMATS } from '../../routes/export.ts'
import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

export const statement: Operations = {
  'GET /transactions/my-transactions': {
    id: 'listOwnTransactions',
    tag: 'Statements',
    summary: 'Your own transactions, newest first unless `order` says otherwise',
    success: [200, answers.page],
  },
  'GET /transactions/all': {
    id: 'listTransactions',
    tag: 'Statements',
    summary: 'All transactions of the tenant, newest first unless `order` says otherwise',
    success: [200, answers.page],
  },
  'GET /transactions/export': {
    id: 'exportTransactions',
    tag: 'Statements',
    summary: 'The whole statement as a file, oldest first',
    description:
      'If reading fails midway, the connection is closed without an end of the file, so that an incomplete file is noticed.',
    success: [200, Object.values(EXPORT_FORMATS)],
  },
  'GET /transactions/:id': {
    id: 'getTransaction',
    tag: 'Statements',
    summary: 'One transaction',
    description: 'A user finds only their own transactions, an admin all of the tenant.',
    success: [200, answers.transaction],
    refusals: ['not_found'],
  },
}
