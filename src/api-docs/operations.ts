import type { z } from 'zod'
import type { RefusalCode } from '../ledger/command.ts'
import type { ErrorStatus } from '../lib/api-error.ts'
import { EXPORT_FORMATS } from '../routes/export.ts'
import * as answers from './responses.ts'

/** A description of a route, as far as the route's own code does not give it. */
export interface Operation {
  id: string
  summary: string
  description?: string
  /** Status and body of success. A body that is not JSON is given by its media types. */
  success: readonly [status: 200 | 201, body: z.ZodType | readonly string[]]
  /** Refusals of the ledger, except `idempotency_key_reused`, which every write can get. */
  refusals?: readonly RefusalCode[]
  /** A body that 503 may have in place of a problem. */
  unhealthy?: z.ZodType
  /** Further ways to fail. */
  problems?: Partial<Record<ErrorStatus, string>>
}

/** Refusals of a request that names an amount and a currency. */
const opens = ['invalid_amount', 'unknown_currency'] as const

/** Refusals of a request that takes the amount from the user's available money. */
const spends = [...opens, 'limit_exceeded', 'insufficient_funds'] as const

/** Refusals of a decision on a pending transaction. */
const settles = ['not_found', 'wrong_type', 'already_processed'] as const

const unknownUser = {
  404: '`unknown_user`: There is no such user. Only an admin who names another user gets this.',
}

const noWallet = { 404: '`not_found`: This user has no wallet in this currency.' }

/** A write that is not a command of the ledger waits for the first request with its key. */
const stillRunning = {
  503: '`timeout`: The first request with this `Idempotency-Key` is still running.',
}

/** Every route by method and path, as the router has it, under its tag. The document has the tags in this order. */
const BY_TAG = {
  Topups: {
    'POST /transactions/topup': {
      id: 'requestTopup',
      summary: 'Ask for a topup',
      description: 'The transaction is pending until an admin processes it or the user cancels it.',
      success: [201, answers.transaction],
      refusals: opens,
    },
    'POST /transactions/topup/:id/cancel': {
      id: 'cancelTopup',
      summary: 'Cancel your own pending topup',
      success: [200, answers.transaction],
      refusals: settles,
    },
    'PATCH /transactions/topup/:id/process': {
      id: 'processTopup',
      summary: 'Approve or reject a topup',
      description:
        '`success` adds the money: clients get `balance_updated` and `transaction_completed`. `failed` changes no balance: clients get `transaction_failed`. You cannot process your own topup.',
      success: [200, answers.transaction],
      refusals: [...settles, 'self_approval', 'balance_limit_exceeded'],
    },
    'GET /transactions/topup/pending': {
      id: 'listPendingTopups',
      summary: 'Pending topups, and their number; newest first unless `order` says otherwise',
      success: [200, answers.requests],
    },
    'GET /transactions/topup/all': {
      id: 'listTopups',
      summary: 'All topups of the tenant, newest first unless `order` says otherwise',
      success: [200, answers.page],
    },
  },
  Payments: {
    'POST /transactions': {
      id: 'pay',
      summary: 'Pay for a booking',
      description: '`amount` is positive in the request and negative in the transaction.',
      success: [201, answers.transaction],
      refusals: [...spends, 'unknown_user'],
    },
    'POST /transactions/bulk': {
      id: 'bulk',
      summary: 'Up to 1,000 commands in one request, each by itself or all or none',
      description:
        'The answer is 200 even if commands are refused: each has its own result. A malformed command, or one that the caller’s role does not allow, is an error of the whole request, and nothing is applied. An `Idempotency-Key` is bound to all commands and their order. For a user, each command counts against the rate limit.',
      success: [200, answers.bulk],
      refusals: ['invalid_amount', 'unknown_currency', 'not_found'],
    },
    'POST /transactions/:id/refund': {
      id: 'refund',
      summary: 'Refund a payment or a captured hold, in full or in part',
      description:
        'Default for `amount`: everything that was not refunded yet. You cannot refund your own payment.',
      success: [201, answers.transaction],
      refusals: [
        'invalid_amount',
        'self_approval',
        'not_found',
        'wrong_type',
        'not_refundable',
        'refund_exceeds_payment',
        'balance_limit_exceeded',
      ],
    },
    'POST /transactions/transfer': {
      id: 'transfer',
      summary: 'Send money to another user',
      description:
        'The receiver must be known. Users become known by their first request for a balance or a transaction, or by an adjustment.',
      success: [201, answers.transaction],
      refusals: [...spends, 'self_transfer', 'unknown_user', 'balance_limit_exceeded'],
    },
    'POST /transactions/adjustment': {
      id: 'adjust',
      summary: 'Correct a balance by a signed amount',
      description:
        'You cannot adjust your own balance. A positive amount makes an unknown user known. Spending limits do not apply.',
      success: [201, answers.transaction],
      refusals: [
        ...opens,
        'insufficient_funds',
        'self_approval',
        'unknown_user',
        'balance_limit_exceeded',
      ],
    },
  },
  Withdrawals: {
    'POST /transactions/withdrawal': {
      id: 'requestWithdrawal',
      summary: 'Ask for a withdrawal',
      description:
        'The money is held at once. The balance falls when an admin approves; a rejection makes the money available again.',
      success: [201, answers.transaction],
      refusals: spends,
    },
    'PATCH /transactions/withdrawal/:id/process': {
      id: 'processWithdrawal',
      summary: 'Approve or reject a withdrawal',
      description:
        '`success` takes the held money: clients get `balance_updated` and `transaction_completed`. `failed` releases it: clients get `transaction_failed`. You cannot process your own withdrawal.',
      success: [200, answers.transaction],
      refusals: [...settles, 'self_approval'],
    },
  },
  Holds: {
    'POST /transactions/hold': {
      id: 'hold',
      summary: 'Hold money for a later payment',
      description:
        'The available amount falls at once, the balance at capture. After `expiresIn` seconds the hold expires: the money is available again, and clients get `transaction_failed`.',
      success: [201, answers.transaction],
      refusals: [...spends, 'unknown_user'],
    },
    'POST /transactions/hold/:id/capture': {
      id: 'captureHold',
      summary: 'Take the held money, or a part of it',
      description: 'The rest is available again. A hold is captured once.',
      success: [200, answers.transaction],
      refusals: [
        ...settles,
        'invalid_amount',
        'capture_exceeds_hold',
        'hold_expired',
        'not_your_hold',
      ],
    },
    'POST /transactions/hold/:id/void': {
      id: 'voidHold',
      summary: 'Release the held money',
      success: [200, answers.transaction],
      refusals: [...settles, 'not_your_hold'],
    },
  },
  Balance: {
    'GET /transactions/balance/cached': {
      id: 'getCachedBalance',
      summary: 'The balance from the cache, or from Postgres if the cache does not have it',
      success: [200, answers.cachedBalance],
      problems: unknownUser,
    },
    'GET /transactions/balance': {
      id: 'getBalance',
      summary: 'The balance from Postgres, now or at an earlier time',
      description: 'With `at`, the balance of an unknown user is 0.',
      success: [200, answers.balance],
      problems: unknownUser,
    },
    'GET /transactions/balance/all': {
      id: 'getBalances',
      summary: 'The balance in every currency in which the user has a wallet',
      success: [200, answers.balances],
      problems: unknownUser,
    },
    'GET /transactions/balance/series': {
      id: 'getBalanceSeries',
      summary: 'The balance over time, at equal intervals',
      success: [200, answers.series],
    },
    'GET /transactions/can-afford': {
      id: 'canAfford',
      summary: 'Whether the ledger would accept a payment of this amount now',
      description:
        'Decided by the rules that a payment meets, but without a lock: another command may be quicker.',
      success: [200, answers.affordable],
    },
    'GET /transactions/balance/snapshot': {
      id: 'getSnapshot',
      summary: 'The stored balance of the wallet',
      success: [200, answers.snapshot],
      problems: { 404: '`not_found`: The user has no wallet in this currency yet.' },
    },
  },
  Statements: {
    'GET /transactions/my-transactions': {
      id: 'listOwnTransactions',
      summary: 'Your own transactions, newest first unless `order` says otherwise',
      success: [200, answers.page],
    },
    'GET /transactions/all': {
      id: 'listTransactions',
      summary: 'All transactions of the tenant, newest first unless `order` says otherwise',
      success: [200, answers.page],
    },
    'GET /transactions/export': {
      id: 'exportTransactions',
      summary: 'The whole statement as a file, oldest first',
      description:
        'If reading fails midway, the connection is closed without an end of the file, so that an incomplete file is noticed.',
      success: [200, Object.values(EXPORT_FORMATS)],
    },
    'GET /transactions/:id': {
      id: 'getTransaction',
      summary: 'One transaction',
      description: 'A user finds only their own transactions, an admin all of the tenant.',
      success: [200, answers.transaction],
      refusals: ['not_found'],
    },
  },
  Audit: {
    'GET /transactions/verify/:userId': {
      id: 'verifyBalance',
      summary: 'Compare the balance of a wallet with the sum of its entries',
      success: [200, answers.verification],
      problems: noWallet,
    },
    'GET /transactions/audit': {
      id: 'audit',
      summary: 'Compare every wallet of the tenant, and the ledger as a whole, with the entries',
      success: [200, answers.audit],
    },
    'POST /transactions/recalculate/:userId': {
      id: 'recalculateBalance',
      summary: 'Rebuild the stored balance of a wallet from its entries, and refresh the cache',
      description: 'Clients always get `balance_updated`, even if the balance was right.',
      success: [200, answers.recalculation],
      problems: { ...noWallet, ...stillRunning },
    },
    'POST /transactions/recalculate-all': {
      id: 'recalculateAllBalances',
      summary:
        'Rebuild every wallet of the tenant whose stored balance is wrong, and refresh the cache',
      description: 'Only clients of a wallet that was wrong get `balance_updated`.',
      success: [200, answers.recalculationOfAll],
      problems: stillRunning,
    },
  },
  'Monitors and limits': {
    'GET /transactions/monitors': {
      id: 'listMonitors',
      summary: 'The balance monitors of a user, oldest first',
      success: [200, answers.monitors],
    },
    'PUT /transactions/monitors': {
      id: 'putMonitor',
      summary: 'Ask for `balance_alert` when the balance crosses a threshold',
      success: [200, answers.monitor],
      problems: { 409: '`conflict`: The user has 20 monitors, and this would be another.' },
    },
    'DELETE /transactions/monitors': {
      id: 'deleteMonitors',
      summary: 'Remove all balance monitors of a user',
      success: [200, answers.deleted],
    },
    'DELETE /transactions/monitors/:id': {
      id: 'deleteMonitor',
      summary: 'Remove one balance monitor',
      success: [200, answers.deleted],
      problems: { 404: '`not_found`: There is no such monitor.' },
    },
    'GET /transactions/limits': {
      id: 'listLimits',
      summary: 'The spending limits of all users, or of one',
      success: [200, answers.limits],
    },
    'PUT /transactions/limits': {
      id: 'putLimit',
      summary: 'Limit a user’s single amount, or sum within a time, per type and currency',
      description: 'Replaces the limit of the same user, type and currency.',
      success: [200, answers.limit],
    },
    'DELETE /transactions/limits': {
      id: 'deleteLimit',
      summary: 'Remove a spending limit',
      success: [200, answers.deleted],
      problems: { 404: '`not_found`: There is no such limit.' },
    },
  },
  Streams: {
    'GET /balance/events': {
      id: 'listEvents',
      summary: 'The user’s events: the newest, or those after or before an event',
      description:
        'With `after` and `wait` it is a long poll: without an event it waits for the next one. A user may have four such requests waiting on a process; further ones are answered at once. With `If-None-Match` an unchanged page is 304.',
      success: [200, answers.events],
    },
    'POST /balance/ticket': {
      id: 'issueTicket',
      summary: 'A single-use ticket for one connection in place of the token',
      description:
        'For EventSource and WebSocket in browsers, as `?token=`. It expires after 30 s, or with the token if that is sooner. It counts against the rate limit of handshakes.',
      success: [201, answers.ticket],
      problems: stillRunning,
    },
  },
  Admin: {
    'POST /admin/revocations': {
      id: 'revokeTokens',
      summary: 'Revoke a user’s tokens, or a single one',
      description:
        'It applies at once in this process, and within a second in all. Requests get 401 `token_revoked`. Tickets made from such a token are refused. Open connections end with an `error` event. The same revocation again also covers tokens issued since.',
      success: [201, answers.revocation],
      problems: stillRunning,
    },
    'GET /admin/revocations': {
      id: 'listRevocations',
      summary: 'The revocations in force, newest first',
      success: [200, answers.revocations],
    },
    'DELETE /admin/revocations/:id': {
      id: 'liftRevocation',
      summary: 'Take a revocation back',
      description: 'Its tokens are valid again until they expire.',
      success: [200, answers.deleted],
      problems: { 404: '`not_found`: There is no such revocation.' },
    },
    'GET /admin/wallets': {
      id: 'listWallets',
      summary: 'The users of the tenant with their balances in every currency, ordered by user id',
      success: [200, answers.wallets],
    },
    'GET /admin/requests': {
      id: 'listRequests',
      summary:
        'Pending topups and withdrawals, and their number; oldest first unless `order` says otherwise',
      success: [200, answers.requests],
    },
    'GET /admin/system': {
      id: 'systemState',
      summary: 'The state of the process that answers, and of Postgres and Redis',
      success: [200, answers.system],
    },
  },
  Health: {
    'GET /health/live': {
      id: 'live',
      summary: 'Whether the process works, with reasons; if not, restart it',
      success: [200, answers.live],
      unhealthy: answers.live,
      problems: { 503: 'The event loop of the process was blocked for seconds: `not live`.' },
    },
    'GET /health/ready': {
      id: 'ready',
      summary: 'Whether this process should get traffic, with reasons',
      success: [200, answers.readiness],
      unhealthy: answers.readiness,
      problems: { 503: 'The process should not get traffic: `not ready`.' },
    },
  },
} satisfies Record<string, Record<string, Operation>>

/** Every route by method and path, such as `POST /transactions/topup/:id/cancel`. Tests compare it with the app's routes. */
export const OPERATIONS: Readonly<Record<string, Operation & { tag: string }>> = Object.fromEntries(
  Object.entries<Record<string, Operation>>(BY_TAG).flatMap(([tag, operations]) =>
    Object.entries(operations).map(([route, operation]) => [route, { tag, ...operation }]),
  ),
)

export const TAGS: readonly string[] = Object.keys(BY_TAG)
