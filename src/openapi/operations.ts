import type { z } from 'zod'
import type { ErrorStatus } from '../errors.ts'
import type { RefusalCode } from '../ledger/command.ts'
import { EXPORT_FORMATS } from '../routes/export.ts'
import * as answers from './answers.ts'

/** What the code of a route cannot say of itself. */
export interface Operation {
  id: string
  tag: string
  summary: string
  description?: string
  /** Status and body of success; the body is the name of a media type for what is not JSON. */
  success: readonly [status: 200 | 201, body: z.ZodType | readonly string[]]
  /** What the ledger may say no with; `idempotency_key_reused` goes without saying. */
  refusals?: readonly RefusalCode[]
  /** Further ways to fail. */
  problems?: Partial<Record<ErrorStatus, string>>
}

const opens = ['invalid_amount', 'unknown_currency', 'limit_exceeded'] as const
const spends = [...opens, 'insufficient_funds'] as const
const settles = ['not_found', 'wrong_type', 'already_processed'] as const

const { transaction } = answers

/** Every route by method and path; a test holds it against the routes that there are. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /transactions/topup': {
    id: 'requestTopup',
    tag: 'Topups',
    summary: 'Ask for a topup',
    description: 'The transaction is pending until an admin processes it.',
    success: [201, transaction],
    refusals: opens,
  },
  'POST /transactions/topup/:id/cancel': {
    id: 'cancelTopup',
    tag: 'Topups',
    summary: 'Cancel your own pending topup',
    success: [200, transaction],
    refusals: settles,
  },
  'PATCH /transactions/topup/:id/process': {
    id: 'processTopup',
    tag: 'Topups',
    summary: 'Approve or reject a topup',
    description:
      '`success` moves the money and tells the user’s clients; `failed` tells them that nothing moved.',
    success: [200, transaction],
    refusals: [...settles, 'self_approval', 'balance_limit_exceeded'],
  },
  'GET /transactions/topup/pending': {
    id: 'listPendingTopups',
    tag: 'Topups',
    summary: 'Topups that wait for an admin',
    success: [200, answers.page],
  },
  'GET /transactions/topup/all': {
    id: 'listTopups',
    tag: 'Topups',
    summary: 'All topups of the tenant',
    success: [200, answers.page],
  },
  'POST /transactions': {
    id: 'pay',
    tag: 'Payments',
    summary: 'Pay for a booking',
    description: '`amount` is given positive and booked negative.',
    success: [201, transaction],
    refusals: [...spends, 'unknown_user'],
  },
  'POST /transactions/:id/refund': {
    id: 'refund',
    tag: 'Payments',
    summary: 'Give back a payment, whole or in part',
    description: 'Without `amount`, all that is left of it.',
    success: [201, transaction],
    refusals: [
      'invalid_amount',
      'not_found',
      'wrong_type',
      'not_refundable',
      'refund_exceeds_payment',
      'balance_limit_exceeded',
    ],
  },
  'POST /transactions/transfer': {
    id: 'transfer',
    tag: 'Payments',
    summary: 'Send money to another user',
    success: [201, transaction],
    refusals: [...spends, 'self_transfer', 'unknown_user', 'balance_limit_exceeded'],
  },
  'POST /transactions/adjustment': {
    id: 'adjust',
    tag: 'Payments',
    summary: 'Correct a balance by a signed amount',
    success: [201, transaction],
    refusals: [...spends, 'unknown_user', 'balance_limit_exceeded'],
  },
  'POST /transactions/withdrawal': {
    id: 'requestWithdrawal',
    tag: 'Withdrawals',
    summary: 'Ask for a withdrawal',
    description: 'The money is held at once, and leaves when an admin approves.',
    success: [201, transaction],
    refusals: spends,
  },
  'PATCH /transactions/withdrawal/:id/process': {
    id: 'processWithdrawal',
    tag: 'Withdrawals',
    summary: 'Approve or reject a withdrawal',
    success: [200, transaction],
    refusals: [...settles, 'self_approval'],
  },
  'POST /transactions/hold': {
    id: 'hold',
    tag: 'Holds',
    summary: 'Set money aside',
    description: 'Lowers what is available at once, and the balance at capture.',
    success: [201, transaction],
    refusals: [...spends, 'unknown_user'],
  },
  'POST /transactions/hold/:id/capture': {
    id: 'captureHold',
    tag: 'Holds',
    summary: 'Take what was set aside, or a part of it',
    description: 'What is not captured is free again.',
    success: [200, transaction],
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
    tag: 'Holds',
    summary: 'Free what was set aside',
    success: [200, transaction],
    refusals: [...settles, 'not_your_hold'],
  },
  'GET /transactions/balance/cached': {
    id: 'getCachedBalance',
    tag: 'Balance',
    summary: 'The balance, from the cache where it has it',
    success: [200, answers.cachedBalance],
  },
  'GET /transactions/balance': {
    id: 'getBalance',
    tag: 'Balance',
    summary: 'The balance from Postgres, now or as it stood at a time',
    success: [200, answers.balance],
  },
  'GET /transactions/balance/snapshot': {
    id: 'getSnapshot',
    tag: 'Balance',
    summary: 'The stored row of the wallet',
    success: [200, answers.snapshot],
    problems: { 404: '`not_found`: There is no such wallet yet.' },
  },
  'GET /transactions/my-transactions': {
    id: 'listOwnTransactions',
    tag: 'Statements',
    summary: 'Your own transactions, newest first',
    success: [200, answers.page],
  },
  'GET /transactions/all': {
    id: 'listTransactions',
    tag: 'Statements',
    summary: 'All transactions of the tenant, newest first',
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
    success: [200, transaction],
    refusals: ['not_found'],
  },
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
  'GET /transactions/monitors': {
    id: 'listMonitors',
    tag: 'Monitors and limits',
    summary: 'Balance alerts that are set',
    success: [200, answers.monitors],
  },
  'PUT /transactions/monitors': {
    id: 'putMonitor',
    tag: 'Monitors and limits',
    summary: 'Be told by `balance_alert` when the balance crosses a threshold',
    success: [200, answers.monitor],
    problems: { 409: '`conflict`: There are 20 monitors already.' },
  },
  'DELETE /transactions/monitors': {
    id: 'deleteMonitors',
    tag: 'Monitors and limits',
    summary: 'Remove all balance alerts',
    success: [200, answers.deleted],
  },
  'DELETE /transactions/monitors/:id': {
    id: 'deleteMonitor',
    tag: 'Monitors and limits',
    summary: 'Remove one balance alert',
    success: [200, answers.deleted],
    problems: { 404: '`not_found`: There is no such monitor.' },
  },
  'GET /transactions/limits': {
    id: 'listLimits',
    tag: 'Monitors and limits',
    summary: 'Spending limits that are set',
    success: [200, answers.limits],
  },
  'PUT /transactions/limits': {
    id: 'putLimit',
    tag: 'Monitors and limits',
    summary: 'Set what a user may spend at once, and within a time',
    success: [200, answers.limit],
  },
  'DELETE /transactions/limits': {
    id: 'deleteLimit',
    tag: 'Monitors and limits',
    summary: 'Remove a spending limit',
    success: [200, answers.deleted],
    problems: { 404: '`not_found`: There is no such limit.' },
  },
  'POST /balance/ticket': {
    id: 'issueTicket',
    tag: 'Streams',
    summary: 'A single-use stand-in for the token, good for 30 s',
    description: 'For EventSource and WebSocket in browsers, as `?token=`.',
    success: [201, answers.ticket],
  },
  'POST /admin/revocations': {
    id: 'revokeTokens',
    tag: 'Admin',
    summary: 'Revoke a user’s tokens, or a single one',
    description:
      'Counts at once in this process and within a second in all: requests get 401 `token_revoked`, tickets made from such a token open nothing, and open connections end, with an `error` event. Once more renews it.',
    success: [201, answers.revocation],
  },
  'GET /admin/revocations': {
    id: 'listRevocations',
    tag: 'Admin',
    summary: 'The revocations that stand, newest first',
    success: [200, answers.revocations],
  },
  'DELETE /admin/revocations/:id': {
    id: 'liftRevocation',
    tag: 'Admin',
    summary: 'Take a revocation back',
    description: 'Its tokens count again until they expire.',
    success: [200, answers.deleted],
    problems: { 404: '`not_found`: There is no such revocation.' },
  },
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
  'GET /health/live': {
    id: 'live',
    tag: 'Health',
    summary: 'Whether the process should be let live, with reasons',
    success: [200, answers.live],
    problems: { 503: 'Its event loop was held up for seconds.' },
  },
  'GET /health/ready': {
    id: 'ready',
    tag: 'Health',
    summary: 'Whether this process should get traffic, with reasons',
    success: [200, answers.readiness],
    problems: { 503: 'It should not.' },
  },
}
