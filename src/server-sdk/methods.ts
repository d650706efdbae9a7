import type { RouteName } from './routes.ts'

/** A list in pages. `await` gives the first page, `for await` every item. */
const pages = <Name extends RouteName>(route: Name) => ({ route, isList: true }) as const

/**
 * The methods of a service client and their routes. Types of input and answer come from the routes; tests compare
 * the routes with openapi.json.
 */
export const METHODS = {
  /** Takes a payment from a user: `pay({ userId, amount, referenceId })`. */
  pay: 'POST /transactions',
  /** Returns all of a payment or captured hold, or a part of it. */
  refund: 'POST /transactions/:id/refund',
  /** Sends money from the caller to another user. */
  transfer: 'POST /transactions/transfer',
  /** Admin: corrects a balance by a signed amount. */
  adjust: 'POST /transactions/adjustment',
  /** Up to 1,000 commands, each by itself, or with `atomic` all or none. */
  bulk: 'POST /transactions/bulk',

  /** Sets money of a user aside for `expiresIn` seconds. */
  hold: 'POST /transactions/hold',
  /** Takes the held money, or a part of it. With `final: false` more captures can follow. */
  capture: 'POST /transactions/hold/:id/capture',
  /** Holds more money, or for longer. */
  extend: 'POST /transactions/hold/:id/extend',
  /** Makes the held money available again. */
  release: 'POST /transactions/hold/:id/void',

  /** Asks for a topup of the caller. It is pending until `settleTopup`. */
  requestTopup: 'POST /transactions/topup',
  /** Cancels a pending topup of the caller. */
  cancelTopup: 'POST /transactions/topup/:id/cancel',
  /** Approves or rejects a topup. */
  settleTopup: 'PATCH /transactions/topup/:id/process',
  /** Asks for a withdrawal of the caller. The money is held. */
  requestWithdrawal: 'POST /transactions/withdrawal',
  /** Admin: approves or rejects a withdrawal. */
  settleWithdrawal: 'PATCH /transactions/withdrawal/:id/process',

  /** Admin: approves or rejects an adjustment that needs a second admin. */
  settleAdjustment: 'PATCH /transactions/adjustment/:id/process',
  /** Admin: approves or rejects a refund that needs a second admin. */
  settleRefund: 'PATCH /transactions/refund/:id/process',

  /** Whether the ledger would accept a payment now, and if not, why. */
  canAfford: 'GET /transactions/can-afford',
  /** The balance, from the cache if it has it. */
  cachedBalance: 'GET /transactions/balance/cached',
  /** The balance in every currency of the user. */
  balances: 'GET /transactions/balance/all',
  /** The balance over time, at equal intervals. */
  balanceSeries: 'GET /transactions/balance/series',
  /** The stored balance of the wallet. */
  snapshot: 'GET /transactions/balance/snapshot',

  /** One transaction. */
  transaction: 'GET /transactions/:id',
  /** Admin: the transactions of the tenant, or of one user. */
  transactions: pages('GET /transactions/all'),
  /** The caller's own transactions. */
  ownTransactions: pages('GET /transactions/my-transactions'),
  /** Admin: all topups of the tenant. */
  topups: pages('GET /transactions/topup/all'),
  /** Admin: pending topups, with their number. */
  pendingTopups: pages('GET /transactions/topup/pending'),
  /** Admin: pending topups and withdrawals, with their number. */
  requests: pages('GET /admin/requests'),
  /** Admin: the users of the tenant with their balances. */
  wallets: pages('GET /admin/wallets'),
  /** A page of a user's events. An admin may name the user. */
  events: 'GET /balance/events',

  /** Admin: refuses debits of a wallet, credits, or both. */
  freeze: 'POST /transactions/wallets/:userId/freeze',
  /** Admin: ends a freeze. */
  unfreeze: 'DELETE /transactions/wallets/:userId/freeze',
  /** Admin: what is frozen of a wallet, and what was, by whom and why. */
  freezes: 'GET /transactions/wallets/:userId/freeze',

  /** Admin: the rules of the tenant, such as from which amount on two admins must agree. */
  settings: {
    get: 'GET /admin/settings',
    put: 'PUT /admin/settings',
  },
  /** Admin: transactions by id, reference, amount or text. */
  search: pages('GET /admin/search'),
  /** Admin: everything that is known of a transaction: its entries, events, deeds and deliveries. */
  transactionTrail: 'GET /admin/transactions/:id',
  /** Admin: the audit log: what admins, services and operators did, newest first. */
  deeds: pages('GET /admin/deeds'),
  /** Spending limits. */
  limits: {
    list: 'GET /transactions/limits',
    /** Admin: the limits of all users, with what is used of them. */
    all: pages('GET /admin/limits'),
    /** What is used of a user's limits, and when some of it is free again. */
    usage: 'GET /transactions/limits/usage',
    /** Replaces the limit of the same user, type and currency. */
    put: 'PUT /transactions/limits',
    remove: 'DELETE /transactions/limits',
  },
  /** Balance alerts of a user. */
  monitors: {
    list: 'GET /transactions/monitors',
    /** Admin: the alerts of all users. */
    all: pages('GET /admin/monitors'),
    put: 'PUT /transactions/monitors',
    remove: 'DELETE /transactions/monitors/:id',
    removeAll: 'DELETE /transactions/monitors',
  },
  /** Admin: what the tenant's users did, from roll-ups of the ledger. */
  analytics: {
    /** By hour or day of a time zone. */
    get: 'GET /admin/analytics',
    /** The users whose balance rose or fell most. */
    movers: pages('GET /admin/analytics/movers'),
    /** Wallets without an entry since a time. */
    dormant: pages('GET /admin/analytics/dormant'),
    /** Wallets by their first entry, the newest first. */
    newWallets: pages('GET /admin/analytics/new-wallets'),
    /** Refused payments by reason. */
    refusals: 'GET /admin/analytics/refusals',
    /** Users by their first topup, and what they did from then on. */
    cohorts: 'GET /admin/analytics/cohorts',
    /** Connections and delivered events by transport. */
    updates: 'GET /admin/analytics/updates',
  },
  /** Admin: where the tenant's events are sent by HTTP. */
  webhooks: {
    list: 'GET /admin/webhooks',
    get: 'GET /admin/webhooks/:id',
    /** Answers with the secret, which no other answer has. */
    create: 'POST /admin/webhooks',
    /** Changes a webhook, pauses it with `paused: true`, or resumes it. */
    change: 'PATCH /admin/webhooks/:id',
    remove: 'DELETE /admin/webhooks/:id',
    /** Makes a new secret. The one before signs too for `overlapSeconds`. */
    rotate: 'POST /admin/webhooks/:id/rotate',
    /** Sends a `webhook_test`, and answers with what the receiver said. */
    test: 'POST /admin/webhooks/:id/test',
    /** The last attempts, newest first, and in `failing` the users whose events fail. */
    deliveries: pages('GET /admin/webhooks/:id/deliveries'),
    /** Sends events again, or those that were set aside. */
    replay: 'POST /admin/webhooks/:id/replay',
  },
  /** Admin: the API keys of the tenant. */
  keys: {
    list: pages('GET /admin/keys'),
    /** Answers with the `key`, which no other answer has. */
    create: 'POST /admin/keys',
    /** Makes a new key. The one before works too for `overlapSeconds`. */
    rotate: 'POST /admin/keys/:id/rotate',
    revoke: 'DELETE /admin/keys/:id',
  },
  /** Operator: the tenants of the platform, and their API keys. */
  platform: {
    tenants: {
      list: pages('GET /platform/tenants'),
      create: 'POST /platform/tenants',
      get: 'GET /platform/tenants/:id',
      /** Changes settings. Null makes one the server's again. */
      change: 'PATCH /platform/tenants/:id',
      /** Lets nobody of the tenant in, until it is resumed. */
      suspend: 'POST /platform/tenants/:id/suspend',
      resume: 'POST /platform/tenants/:id/resume',
      usage: 'GET /platform/tenants/:id/usage',
      /** A token of minutes, to act as an admin of the tenant. */
      createToken: 'POST /platform/tenants/:id/token',
    },
    keys: {
      list: pages('GET /platform/keys'),
      create: 'POST /platform/keys',
      rotate: 'POST /platform/keys/:id/rotate',
      revoke: 'DELETE /platform/keys/:id',
    },
  },
  /** Revoked tokens. */
  revocations: {
    list: pages('GET /admin/revocations'),
    create: 'POST /admin/revocations',
    remove: 'DELETE /admin/revocations/:id',
  },
  /** A topup that is asked for and paid by itself when the balance is low. */
  autoTopup: {
    list: 'GET /transactions/auto-topup',
    put: 'PUT /transactions/auto-topup',
    remove: 'DELETE /transactions/auto-topup',
    /** Names the payment method that the user has saved at the provider. */
    saveMethod: 'PUT /transactions/auto-topup/method',
    forgetMethod: 'DELETE /transactions/auto-topup/method',
  },
  /** Admin: what payment providers reported and the ledger did not apply by itself. */
  providerEvents: {
    list: pages('GET /admin/provider-events'),
    /** Notes that one was dealt with. */
    resolve: 'POST /admin/provider-events/:id/resolve',
  },
  /** Admin: what refunds and disputes could not take from wallets. */
  debts: {
    list: pages('GET /admin/debts'),
    /** Collects it from the wallet, or writes it off. */
    settle: 'POST /admin/debts/:id/settle',
  },

  /** Admin: compares a wallet with its entries. */
  verify: 'GET /transactions/verify/:userId',
  /** Admin: compares every wallet and the ledger with the entries. */
  audit: 'GET /transactions/audit',
  /** Admin: rebuilds the stored balance of a wallet. */
  recalculate: 'POST /transactions/recalculate/:userId',
  /** Admin: rebuilds every stored balance that is wrong. */
  recalculateAll: 'POST /transactions/recalculate-all',
  /** The user, the tenant and the roles of the token. */
  whoAmI: 'GET /admin/session',
  /** Admin: the state of the process that answers. */
  system: 'GET /admin/system',
} as const satisfies MethodTable

/** The client's own methods for these routes have other inputs and answers. */
export const OWN_METHODS = {
  balance: 'GET /transactions/balance',
  balanceAt: 'GET /transactions/balance',
} as const satisfies Record<string, RouteName>

export type Method = RouteName | { readonly route: RouteName; readonly isList: true }

interface MethodTable {
  readonly [name: string]: Method | MethodTable
}
