import type { Operations } from '../operation.ts'
import * as answers from '../responses.ts'

const unknownUser = {
  404: '`unknown_user`: There is no such user. Only an admin who names another user gets this.',
}

export const balance: Operations = {
  'GET /transactions/balance/cached': {
    id: 'getCachedBalance',
    tag: 'Balance',
    summary: 'The balance from the cache, or from Postgres if the cache does not have it',
    success: [200, answers.cachedBalance],
    problems: unknownUser,
  },
  'GET /transactions/balance': {
    id: 'getBalance',
    tag: 'Balance',
    summary: 'The balance from Postgres, now or at an earlier time',
    description: 'With `at`, the balance of an unknown user is 0.',
    success: [200, answers.balance],
    problems: unknownUser,
  },
  'GET /transactions/balance/all': {
    id: 'getBalances',
    tag: 'Balance',
    summary: 'The balance in every currency in which the user has a wallet',
    success: [200, answers.balances],
    problems: unknownUser,
  },
  'GET /transactions/balance/series': {
    id: 'getBalanceSeries',
    tag: 'Balance',
    summary: 'The balance over time, at equal intervals',
    success: [200, answers.series],
  },
  'GET /transactions/balance/snapshot': {
    id: 'getSnapshot',
    tag: 'Balance',
    summary: 'The stored balance of the wallet',
    success: [200, answers.snapshot],
    problems: { 404: '`not_found`: The user has no wallet in this currency yet.' },
  },
}
