import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

const unknownUser = {
  404: '`unknown_user`: There is no such user. Only an admin can name one.',
}

export const balance: Operations = {
  'GET /transactions/balance/cached': {
    id: 'getCachedBalance',
    tag: 'Balance',
    summary: 'The balance, from the cache where it has it',
    success: [200, answers.cachedBalance],
    problems: unknownUser,
  },
  'GET /transactions/balance': {
    id: 'getBalance',
    tag: 'Balance',
    summary: 'The balance from Postgres, now or as it stood at a time',
    success: [200, answers.balance],
    problems: unknownUser,
  },
  'GET /transactions/balance/all': {
    id: 'getBalances',
    tag: 'Balance',
    summary: 'The balance in every currency that the user ever had something in',
    success: [200, answers.balances],
    problems: unknownUser,
  },
  'GET /transactions/balance/series': {
    id: 'getBalanceSeries',
    tag: 'Balance',
    summary: 'The balance over time, as it stood at moments at equal distances',
    success: [200, answers.series],
  },
  'GET /transactions/balance/snapshot': {
    id: 'getSnapshot',
    tag: 'Balance',
    summary: 'The stored row of the wallet',
    success: [200, answers.snapshot],
    problems: { 404: '`not_found`: There is no such wallet yet.' },
  },
}
