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
const opens = ['invalid_amount', 'unknown_currency', 'wallet_frozen'] as const

/** Refusals of a request that takes the amount from the user's available money. */
const spends = [...opens, 'limit_exceeded', 'insufficient_funds'] as const

/** Refusals of a payment to others than the house. */
const splits = ['invalid_split', 'self_transfer', 'unknown_user', 'balance_limit_exceeded'] as const

/** Refusals of a command on a pending transaction, whose metadata it may make too long. */
const settles = ['not_found', 'wrong_type', 'already_processed', 'invalid_command'] as const

const TWO_ADMINS =
  'Above the amount of `PUT /admin/settings` the first approval is kept as `approvedBy`, and the transaction stays pending until another admin approves it too. One admin is enough to reject it.'

const unknownUser = {
  404: '`unknown_user`: There is no such user. Only an admin who names another user gets this.',
}

const noWallet = { 404: '`not_found`: This user has no wallet in this currency.' }

const noWebhook = { 404: '`not_found`: There is no such webhook.' }

const noDevice = { 404: '`not_found`: You have no such device.' }

const CSV = '`format=csv`, or `Accept: text/csv`, gives a file.'

const notBuilt = { 503: '`unavailable`: The roll-ups are being built for the first time.' }

const noProvider = {
  503: '`unavailable`: The identity provider, or what a sign-in is stored in, does not answer.',
}

const noTenant = { 404: '`not_found`: There is no such tenant.' }

const noKey = { 404: '`not_found`: There is no such key.' }

const tooManyKeys = { 409: '`conflict`: The tenant already has 100 keys that work.' }

const ONCE =
  'Only this answer shows the key, and it is stored nowhere: a repeated answer has `key: null`.'

/** A write that is not a command of the ledger waits for the first request with its key. */
const stillRunning = {
  503: '`timeout`: The first request with this `Idempotency-Key` is still running.',
}

const notConfigured = {
  400: '`invalid_signature`: The signature is missing, wrong or too old. `invalid_request`: The signed body is not of the documented form.',
  404: '`not_found`: The provider is not configured.',
  429: '`rate_limited`: Too many requests from this address; see `Retry-After`.',
}

/** Every route by method and path, as the router has it, under its tag. The document has the tags in this order. */
const BY_TAG = {
  Topups: {
    'POST /transactions/topup': {
      id: 'requestTopup',
      summary: 'Ask for a topup',
      description:
        'The transaction is pending until an admin, a service or a payment provider settles it, or the user cancels it. If a provider begins payments, the answer has what the client needs to pay.',
      success: [201, answers.requestedTopup],
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
      description: `\`success\` adds the money: clients get \`balance_updated\` and \`transaction_completed\`. \`failed\` changes no balance: clients get \`transaction_failed\`. You cannot process your own topup. \`processedBy\` names the caller. ${TWO_ADMINS}`,
      success: [200, answers.transaction],
      refusals: [
        ...settles,
        'self_approval',
        'second_admin_required',
        'wallet_frozen',
        'balance_limit_exceeded',
      ],
    },
    'GET /transactions/auto-topup': {
      id: 'getAutoTopups',
      summary: 'The auto top-ups of a user',
      success: [200, answers.autoTopups],
    },
    'PUT /transactions/auto-topup': {
      id: 'putAutoTopup',
      summary: 'Top up by itself when the balance is low, from a saved payment method',
      description:
        'Replaces the one in this currency, and ends a pause. A topup is asked for when the balance is below `threshold`, one at a time, and at most `cap` within `periodSeconds`. A failed payment pauses it, and clients get `auto_topup_paused`.',
      success: [200, answers.autoTopup],
      problems: { 409: '`conflict`: The user has no saved payment method.' },
    },
    'DELETE /transactions/auto-topup': {
      id: 'deleteAutoTopup',
      summary: 'Turn auto top-up off',
      description: 'A topup that is under way stays.',
      success: [200, answers.deleted],
      problems: { 404: '`not_found`: There is no such auto top-up.' },
    },
    'PUT /transactions/auto-topup/method': {
      id: 'saveMethod',
      summary: 'Name the saved payment method of a user',
      description:
        'Only a trusted backend may: it knows which customer of the provider the user is.',
      success: [200, answers.savedMethod],
      problems: { 409: '`conflict`: No payment provider is configured that can charge one.' },
    },
    'DELETE /transactions/auto-topup/method': {
      id: 'forgetMethod',
      summary: 'Forget a user’s saved payment method, and turn auto top-up off',
      success: [200, answers.deleted],
      problems: { 404: '`not_found`: The user has no saved payment method.' },
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
      description:
        '`amount` is positive in the request and negative in the transaction. With `split`, the money goes to users and fees in the same commit.',
      success: [201, answers.transaction],
      refusals: [...spends, ...splits],
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
        'Default for `amount`: everything that was not refunded yet. You cannot refund your own payment. A refund by an admin above the amount of `PUT /admin/settings` is pending until another admin processes it.',
      success: [201, answers.transaction],
      refusals: [
        'invalid_amount',
        'self_approval',
        'not_found',
        'wrong_type',
        'not_refundable',
        'refund_exceeds_payment',
        'payee_insufficient_funds',
        'wallet_frozen',
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
        'You cannot adjust your own balance. A positive amount makes an unknown user known. Spending limits do not apply. Above the amount of `PUT /admin/settings` it is pending until another admin processes it.',
      success: [201, answers.transaction],
      refusals: [
        'invalid_amount',
        'unknown_currency',
        'insufficient_funds',
        'self_approval',
        'unknown_user',
        'balance_limit_exceeded',
      ],
    },
  },
  'Second approvals': {
    'PATCH /transactions/adjustment/:id/process': {
      id: 'processAdjustment',
      summary: 'Approve or reject an adjustment that needs a second admin',
      description: 'The admin who asked for it may only reject it.',
      success: [200, answers.transaction],
      refusals: [
        ...settles,
        ...(['self_approval', 'second_admin_required', 'insufficient_funds'] as const),
        'balance_limit_exceeded',
      ],
    },
    'PATCH /transactions/refund/:id/process': {
      id: 'processRefund',
      summary: 'Approve or reject a refund that needs a second admin',
      description:
        'The admin who asked for it may only reject it. It is decided anew: other refunds of the payment may have succeeded since.',
      success: [200, answers.transaction],
      refusals: [
        ...settles,
        ...(['self_approval', 'second_admin_required', 'refund_exceeds_payment'] as const),
        ...(['payee_insufficient_funds'] as const),
        ...(['wallet_frozen', 'balance_limit_exceeded'] as const),
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
      description: `\`success\` takes the held money: clients get \`balance_updated\` and \`transaction_completed\`. \`failed\` releases it: clients get \`transaction_failed\`. You cannot process your own withdrawal. ${TWO_ADMINS}`,
      success: [200, answers.transaction],
      refusals: [...settles, 'self_approval', 'second_admin_required', 'wallet_frozen'],
    },
  },
  Holds: {
    'POST /transactions/hold': {
      id: 'hold',
      summary: 'Hold money for a later payment',
      description:
        'The available amount falls at once, the balance at capture. Clients get `available_changed`, and `hold_expiring` some time before the end (`HOLD_EXPIRING_SECONDS`). After `expiresIn` seconds the hold expires: what was captured until then is charged. If that is nothing, clients get `transaction_failed`. The rest is available again.',
      success: [201, answers.transaction],
      refusals: [...spends, 'unknown_user'],
    },
    'POST /transactions/hold/:id/capture': {
      id: 'captureHold',
      summary: 'Take the held money, or a part of it',
      description:
        'With `final: false` the amount is counted as `capturedAmount` and stays held: more captures can follow. The hold ends with a final capture, a release or its expiry. Then the sum of the captures is charged as one payment, and the rest is available again. Without an amount, a capture takes the rest. When nothing is left, clients and the service get `hold_exhausted`.',
      success: [200, answers.transaction],
      refusals: [
        ...splits,
        ...settles,
        'invalid_amount',
        'capture_exceeds_hold',
        'hold_expired',
        'wallet_frozen',
        'limit_exceeded',
        'not_your_hold',
      ],
    },
    'POST /transactions/hold/:id/extend': {
      id: 'extendHold',
      summary: 'Hold more, or for longer',
      description:
        '`amount` is added to the hold. Funds and spending limits are checked as for a new one.',
      success: [200, answers.transaction],
      refusals: [
        ...settles,
        'invalid_amount',
        'insufficient_funds',
        'limit_exceeded',
        'hold_expired',
        'wallet_frozen',
        'not_your_hold',
      ],
    },
    'POST /transactions/hold/:id/void': {
      id: 'voidHold',
      summary: 'Release the held money',
      description: 'What was captured until then is charged.',
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
    'GET /transactions/wallets/:userId/freeze': {
      id: 'getFreeze',
      summary: 'What is frozen of a wallet, and what was, by whom and why',
      success: [200, answers.freeze],
      refusals: ['unknown_user'],
    },
    'POST /transactions/wallets/:userId/freeze': {
      id: 'freezeWallet',
      summary: 'Freeze a wallet for debits, for credits, or for both',
      description:
        'Replaces an earlier freeze. From then on the ledger refuses with `wallet_frozen`, and clients get the event `wallet_frozen`. Captures of earlier holds are refused too; only an admin’s adjustment is not. Holds still expire and can be voided. You cannot freeze your own wallet.',
      success: [200, answers.freeze],
      refusals: ['self_approval', 'unknown_user'],
      problems: stillRunning,
    },
    'DELETE /transactions/wallets/:userId/freeze': {
      id: 'unfreezeWallet',
      summary: 'Unfreeze a wallet',
      description: 'Clients get `wallet_unfrozen`. You cannot unfreeze your own wallet.',
      success: [200, answers.freeze],
      refusals: ['self_approval', 'unknown_user'],
    },
    'GET /transactions/limits': {
      id: 'listLimits',
      summary: 'The spending limits of all users, or of one',
      success: [200, answers.limits],
    },
    'GET /transactions/limits/usage': {
      id: 'listLimitsUsage',
      summary: 'The caller’s own spending limits: what is used, and when some of it is free again',
      description: 'Admins and services can name another user.',
      success: [200, answers.limitsUsage],
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
        'With `after` and `wait` it is a long poll: without an event it waits for the next one. A user may have four such requests waiting on a process, which count as no connections; further ones are answered at once. With `If-None-Match` an unchanged page is 304.',
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
  'Push notifications': {
    'POST /balance/push': {
      id: 'registerDevice',
      summary: 'Notify a browser also while no page is open',
      description:
        'Takes the subscription that `pushManager.subscribe` gives, with the `publicKey` of `GET /balance/push`. The same subscription again changes its device. A browser in which another user signs in is theirs from then on.',
      success: [201, answers.registeredDevice],
      refusals: ['invalid_amount', 'unknown_currency'],
      problems: {
        409: '`conflict`: You have 10 devices, another user has this subscription, or push is not configured.',
        ...stillRunning,
      },
    },
    'GET /balance/push': {
      id: 'getPush',
      summary: 'The caller’s devices, rules and quiet hours, and the key to subscribe with',
      success: [200, answers.pushState],
    },
    'PUT /balance/push/settings': {
      id: 'putPushSettings',
      summary: 'Set what the caller is notified of, and when not',
      success: [200, answers.pushSettings],
      refusals: ['invalid_amount', 'unknown_currency'],
    },
    'PUT /balance/push/visible': {
      id: 'putVisible',
      summary: 'Say that a page shows the wallet now, or no more',
      description: 'Meanwhile no device of the user is notified, because the user sees the change.',
      success: [200, answers.visiblePage],
    },
    'DELETE /balance/push': {
      id: 'deleteSubscription',
      summary: 'Remove the caller’s device with this subscription',
      success: [200, answers.deleted],
      problems: noDevice,
    },
    'DELETE /balance/push/:id': {
      id: 'deleteDevice',
      summary: 'Remove one of the caller’s devices',
      success: [200, answers.deleted],
      problems: noDevice,
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
    'POST /admin/webhooks': {
      id: 'createWebhook',
      summary: 'Send the tenant’s events to a URL',
      description:
        'Deliveries follow the Standard Webhooks specification. Each user’s events arrive in order of `seq`, at least once, from now on. The answer shows the secret, and no other answer does: a repeated one has `secret: null`.',
      success: [201, answers.webhookWithSecret],
      problems: {
        409: '`conflict`: The tenant already has as many webhooks as it may have: 50, unless the operator set another number.',
        ...stillRunning,
      },
    },
    'GET /admin/webhooks': {
      id: 'listWebhooks',
      summary: 'The webhooks of the tenant, and how far each is behind',
      success: [200, answers.webhooks],
    },
    'GET /admin/webhooks/:id': {
      id: 'getWebhook',
      summary: 'One webhook, and how far it is behind',
      success: [200, answers.listedWebhook],
      problems: noWebhook,
    },
    'PATCH /admin/webhooks/:id': {
      id: 'changeWebhook',
      summary: 'Change a webhook, pause it or resume it',
      description:
        'A user who is added to `userIds` gets the events from now on. Resuming also ends the pause after a 410.',
      success: [200, answers.changedWebhook],
      problems: { ...noWebhook, ...stillRunning },
    },
    'DELETE /admin/webhooks/:id': {
      id: 'deleteWebhook',
      summary: 'Delete a webhook with its deliveries',
      success: [200, answers.deleted],
      problems: noWebhook,
    },
    'POST /admin/webhooks/:id/rotate': {
      id: 'rotateWebhookSecret',
      summary: 'Make a new secret, and keep the one before for a while',
      description:
        'During the overlap each delivery has two signatures. A repeated answer has `secret: null`.',
      success: [200, answers.webhookWithSecret],
      problems: { ...noWebhook, ...stillRunning },
    },
    'POST /admin/webhooks/:id/test': {
      id: 'testWebhook',
      summary: 'Send a `webhook_test` and show what the receiver answers',
      description: 'It is sent once, also while the webhook is paused.',
      success: [200, answers.webhookTest],
      problems: { ...noWebhook, ...stillRunning },
    },
    'GET /admin/webhooks/:id/deliveries': {
      id: 'listWebhookDeliveries',
      summary: 'The last attempts, newest first, and the users whose events fail',
      success: [200, answers.webhookDeliveries],
      problems: noWebhook,
    },
    'POST /admin/webhooks/:id/replay': {
      id: 'replayWebhook',
      summary: 'Send events again, or send those that were set aside',
      description:
        'With `userId` and `afterSeq` or `afterId`: that user’s later events, whether they were delivered or not. With `userId` alone: the events after the last delivered one. Without `userId`: those of everyone whose events were set aside. A seq that no event has yet counts as the newest.',
      success: [200, answers.replayed],
      problems: {
        404: '`not_found`: There is no such webhook. `unknown_user`: There is no such user.',
        ...stillRunning,
      },
    },
    'GET /admin/analytics': {
      id: 'getAnalytics',
      summary: 'What the tenant’s users did, by hour or day of a time zone',
      description: `A transaction is in the hour of its entry, or of its rejection. A refund is in its own hour, and the payment stays in that of the payment. ${CSV}`,
      success: [200, answers.analytics],
      problems: notBuilt,
    },
    'GET /admin/analytics/movers': {
      id: 'listMovers',
      summary: 'The users whose balance rose or fell most',
      description: `Over whole days of UTC. ${CSV} The header \`Next-Cursor\` of the file has the cursor of the next page.`,
      success: [200, answers.movers],
      problems: notBuilt,
    },
    'GET /admin/analytics/dormant': {
      id: 'listDormantWallets',
      summary: 'Wallets without an entry since a time, the longest silent first',
      description: `Those that never had an entry are left out. ${CSV}`,
      success: [200, answers.dormantWallets],
      problems: notBuilt,
    },
    'GET /admin/analytics/new-wallets': {
      id: 'listNewWallets',
      summary: 'Wallets by the time of their first entry, the newest first',
      description: CSV,
      success: [200, answers.newWallets],
      problems: notBuilt,
    },
    'GET /admin/analytics/refusals': {
      id: 'getRefusals',
      summary: 'Refused payments, transfers, withdrawals and holds by reason',
      description: `Each process counts them, and writes its counts once a minute. Those of applications that call the ledger by SQL are not counted. ${CSV}`,
      success: [200, answers.refusals],
    },
    'GET /admin/analytics/cohorts': {
      id: 'getCohorts',
      summary: 'Users by the month or week of their first topup, and what they did from then on',
      description: `Months and weeks are those of UTC, and whole: also those that hold \`from\` and \`to\`. ${CSV}`,
      success: [200, answers.cohorts],
      problems: notBuilt,
    },
    'GET /admin/analytics/updates': {
      id: 'getUpdatePatterns',
      summary: 'Connections, and the events that reached them, by transport',
      description: `Of this tenant, over all processes. Each writes its counts once a minute. ${CSV}`,
      success: [200, answers.updates],
    },
    'POST /admin/keys': {
      id: 'createKey',
      summary: 'Make an API key of the tenant',
      description: `A program sends it in place of a token. It gets no more than its maker has. ${ONCE}`,
      success: [201, answers.newKey],
      problems: { ...tooManyKeys, ...stillRunning },
    },
    'GET /admin/keys': {
      id: 'listKeys',
      summary: 'The API keys of the tenant, newest first, with those that ended',
      success: [200, answers.keys],
    },
    'POST /admin/keys/:id/rotate': {
      id: 'rotateKey',
      summary: 'Replace an API key, and let the one before work for a while',
      description: ONCE,
      success: [200, answers.newKey],
      problems: {
        ...noKey,
        409: '`conflict`: The key was revoked, or has expired.',
        ...stillRunning,
      },
    },
    'DELETE /admin/keys/:id': {
      id: 'revokeKey',
      summary: 'End an API key for good',
      description:
        'Requests get 401 `unauthorized`, and open streams end with `token_revoked`, on all processes.',
      success: [200, answers.key],
      problems: noKey,
    },
    'GET /admin/settings': {
      id: 'getSettings',
      summary: 'The rules of the tenant: above which amounts two admins must agree',
      success: [200, answers.settings],
    },
    'PUT /admin/settings': {
      id: 'putSettings',
      summary: 'Set above which amounts two admins must agree',
      description:
        'A lower amount is in force at once. A higher one, or none, waits as `proposal` until another admin asks for the same.',
      success: [200, answers.settings],
      refusals: ['invalid_amount', 'unknown_currency'],
    },
    'GET /admin/search': {
      id: 'search',
      summary: 'Find users and transactions by id, reference, amount or text',
      description:
        'The user, references and ids are found by an index, on the first page. For amounts and texts each page looks at 20,000 transactions, newest first, so a page may be empty: `searchedTo` says how far it looked, and `nextCursor` looks further.',
      success: [200, answers.found],
    },
    'GET /admin/limits': {
      id: 'listLimitsWithUsage',
      summary: 'The spending limits of the tenant’s users, and what is used of them',
      description: 'A page has `limit` users, each with all their limits.',
      success: [200, answers.limitUsagePage],
    },
    'GET /admin/monitors': {
      id: 'listMonitorsOfTenant',
      summary: 'The balance alerts of the tenant’s users, with the balances that they watch',
      description: 'A page has `limit` users, each with all their alerts.',
      success: [200, answers.monitorPage],
    },
    'GET /admin/transactions/:id': {
      id: 'transactionTrail',
      summary: 'Everything that is known of a transaction',
      description:
        'Its entries with their place in the chain, its events, the deeds about it, what the payment provider reported, and what webhooks got of its events.',
      success: [200, answers.trail],
      problems: { 404: '`not_found`: There is no such transaction.' },
    },
    'GET /admin/deeds': {
      id: 'listDeeds',
      summary: 'The audit log: what admins, services and operators did, and what they were refused',
      description:
        'A deed is written in the transaction that does it, and never changes. Decisions about money are noted by the ledger itself, whoever sends them.',
      success: [200, answers.deeds],
    },
    'GET /admin/deeds/export': {
      id: 'exportDeeds',
      summary: 'The audit log as a file, oldest first',
      description:
        'With the seals, so that a copy proves what the log said. The export is a deed itself. If reading fails midway, the connection is closed without an end of the file.',
      success: [200, Object.values(EXPORT_FORMATS)],
    },
    'GET /admin/provider-events': {
      id: 'listProviderEvents',
      summary: 'Events of payment providers, oldest first: those that wait for an admin',
      description:
        'An event waits if the ledger could not simply apply it. `reason` says why. Its topup, if it is pending, says so in `metadata.paymentProblem`.',
      success: [200, answers.providerEvents],
    },
    'POST /admin/provider-events/:id/resolve': {
      id: 'resolveProviderEvent',
      summary: 'Note that a waiting event was dealt with',
      description: 'It moves no money. Process the topup, or adjust the balance, before.',
      success: [200, answers.providerEvent],
      refusals: ['self_approval'],
      problems: { 404: '`not_found`: No such event waits for an admin.', ...stillRunning },
    },
    'GET /admin/debts': {
      id: 'listDebts',
      summary: 'What refunds and disputes could not take from wallets, oldest first',
      success: [200, answers.debts],
    },
    'POST /admin/debts/:id/settle': {
      id: 'settleDebt',
      summary: 'Collect a debt from the wallet, or write it off',
      description:
        '`collect` takes what is available. If that is less than the debt, the rest stays open.',
      success: [200, answers.debt],
      refusals: ['insufficient_funds', 'self_approval', 'wallet_frozen'],
      problems: { 404: '`not_found`: There is no such open debt.', ...stillRunning },
    },
    'GET /admin/wallets': {
      id: 'listWallets',
      summary: 'The users of the tenant with their balances in every currency, ordered by user id',
      success: [200, answers.wallets],
    },
    'GET /admin/requests': {
      id: 'listRequests',
      summary:
        'Everything that waits for an admin, and its number; oldest first unless `order` says otherwise',
      description:
        'Pending topups and withdrawals, and the adjustments and refunds that wait for a second admin.',
      success: [200, answers.requests],
    },
    'GET /admin/session': {
      id: 'whoAmI',
      summary: 'The user, the tenant, its currency, and the roles of the caller',
      description: 'The console shows the screens of these roles.',
      success: [200, answers.whoAmI],
    },
    'GET /admin/system': {
      id: 'systemState',
      summary: 'The state of the system, as far as it concerns the caller',
      description:
        'An admin is told of the tenant: its open streams, whether money can move, and whether events arrive as they happen. An operator is told of every process of the installation.',
      success: [200, answers.system],
    },
  },
  'Signing in': {
    'POST /sign-in/begin': {
      id: 'beginSignIn',
      summary: 'Where a person proves to the identity provider who they are',
      description:
        'For the pages of this server, and only with OIDC_ISSUER. The page keeps `state` and `proof`, and goes to `url`. The provider gives the person back to `/sign-in` or `/admin/sign-in`, within 10 minutes.',
      success: [200, answers.beganSignIn],
      problems: noProvider,
    },
    'POST /sign-in/finish': {
      id: 'finishSignIn',
      summary: 'A session for the person, in exchange for the code of the identity provider',
      description:
        'It works once. The token is used like any other. It expires after OIDC_SESSION, and can be revoked.',
      success: [200, answers.personSession],
      problems: { 400: '`sign_in_failed`: `details.reason` says why.', ...noProvider },
    },
    'POST /sign-in/end': {
      id: 'endSession',
      summary: 'Sign out: the token of the caller is revoked',
      description:
        '`url` is the page of the identity provider at which the session there ends too. Null: it has none.',
      success: [200, answers.endedSession],
      problems: noProvider,
    },
  },
  'Payment providers': {
    'POST /providers/stripe': {
      id: 'receiveStripeEvent',
      summary: 'Stripe reports what happened to a payment',
      description:
        'The signature covers the body and a time, which may be five minutes old. The metadata of the payment names the topup in `topupId`, and its tenant in `tenant`. An event is applied once, however often it comes.',
      success: [200, answers.receivedEvent],
      problems: notConfigured,
    },
    'POST /providers/signed': {
      id: 'receiveSignedEvent',
      summary: 'Another provider reports what happened to a payment, signed by Standard Webhooks',
      description:
        'The headers are `webhook-id`, `webhook-timestamp` and `webhook-signature`. An event is applied once, however often it comes.',
      success: [200, answers.receivedEvent],
      problems: notConfigured,
    },
  },
  Platform: {
    'POST /platform/tenants': {
      id: 'createTenant',
      summary: 'Make a tenant',
      description:
        'Settings that are left out are as the server has them. Users of a tenant that is in use already keep their money.',
      success: [201, answers.tenant],
      problems: { 409: '`conflict`: There is a tenant with this id.', ...stillRunning },
      refusals: ['invalid_amount', 'unknown_currency'],
    },
    'GET /platform/tenants': {
      id: 'listTenants',
      summary: 'The tenants, in the order of their ids',
      success: [200, answers.tenants],
    },
    'GET /platform/tenants/:id': {
      id: 'getTenant',
      summary: 'A tenant and its settings',
      success: [200, answers.tenant],
      problems: noTenant,
    },
    'PATCH /platform/tenants/:id': {
      id: 'changeTenant',
      summary: 'Change settings of a tenant',
      description:
        'A setting that is left out stays. Null makes it the server’s again. It applies at once in this process, and within two seconds in all.',
      success: [200, answers.tenant],
      problems: { ...noTenant, ...stillRunning },
      refusals: ['invalid_amount', 'unknown_currency'],
    },
    'POST /platform/tenants/:id/suspend': {
      id: 'suspendTenant',
      summary: 'Let nobody of a tenant in',
      description:
        'Requests get 403 `tenant_suspended`, open streams end with an `error` event, and webhooks wait. Nothing is lost.',
      success: [200, answers.tenant],
      problems: { ...noTenant, ...stillRunning },
    },
    'POST /platform/tenants/:id/resume': {
      id: 'resumeTenant',
      summary: 'Let a tenant in again',
      success: [200, answers.tenant],
      problems: { ...noTenant, ...stillRunning },
    },
    'GET /platform/tenants/:id/usage': {
      id: 'getTenantUsage',
      summary: 'How much a tenant uses the server',
      description:
        'Requests and streams are reported every ten seconds. A transfer counts once. `volume` is the sum of what succeeded.',
      success: [200, answers.tenantUsage],
      problems: noTenant,
    },
    'POST /platform/tenants/:id/token': {
      id: 'createTenantToken',
      summary: 'Act as an admin of a tenant for 15 minutes',
      description:
        'The ledger names the operator. The token opens what an admin may do to others, but no wallet: not even that of a user with the operator’s id. Only this answer shows the token: a repeated one has `token: null`.',
      success: [201, answers.tenantToken],
      problems: { ...noTenant, ...stillRunning },
    },
    'POST /platform/keys': {
      id: 'createTenantKey',
      summary: 'Make an API key of a tenant',
      description: ONCE,
      success: [201, answers.newKey],
      problems: { ...noTenant, ...tooManyKeys, ...stillRunning },
    },
    'GET /platform/keys': {
      id: 'listTenantKeys',
      summary: 'The API keys of a tenant, or of all, newest first',
      success: [200, answers.keys],
    },
    'POST /platform/keys/:id/rotate': {
      id: 'rotateTenantKey',
      summary: 'Replace an API key of any tenant',
      description: ONCE,
      success: [200, answers.newKey],
      problems: {
        ...noKey,
        409: '`conflict`: The key was revoked, or has expired.',
        ...stillRunning,
      },
    },
    'DELETE /platform/keys/:id': {
      id: 'revokeTenantKey',
      summary: 'End an API key of any tenant for good',
      success: [200, answers.key],
      problems: noKey,
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
