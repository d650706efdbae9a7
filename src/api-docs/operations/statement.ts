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
      'A failure on the way cuts the connection, so that a half is never taken for the whole.',
    success: [200, Object.values(EXPORT_FORMATS)],
  },
  'GET /transactions/:id': {
    id: 'getTransaction',
    tag: 'Statements',
    summary: 'One transaction',
    success: [200, answers.transaction],
    refusals: ['not_found'],
  },
}
