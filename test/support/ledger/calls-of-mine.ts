import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { NewApiKey } from '../../../src/auth/api-key-store.ts'
import { PAYMENT_EVENT_KINDS, type PaymentEvent } from '../../../src/ledger/provider-event.ts'
import { ADDRESS_OF_THEIRS, TAB } from './push-of-theirs.ts'
import { mine, PROVIDER, SERVICE } from './tenant-names.ts'
import type { Parts } from './two-tenants.ts'

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const page of pages) found.push(page)
  return found
}

/** Of `mine`, and frozen in `theirs`. */
const bob = { ...mine, userId: 'bob' }

const ENDPOINT = {
  ...{ url: 'https://hooks.example.com/mine', description: null, events: null, userIds: null },
}

const USD = { tenant: 'mine', currency: 'USD', limit: 100 }
const EVER = { from: '2020-01-01T00:00:00Z', to: '2999-01-01T00:00:00Z' }
const RANGE = {
  ...({ tenant: 'mine', bucket: 'day', timeZone: 'UTC' } as const),
  from: new Date(Date.now() - 86_400_000).toISOString(),
  to: new Date(Date.now() + 86_400_000).toISOString(),
}

const KEY: NewApiKey = {
  ...{ tenant: 'mine', name: 'mine', userId: null, scopes: null, expiresAt: null },
  kind: 'service',
  roles: ['admin'],
}

/** By class and method: the calls that `mine` can make, with everything that `theirs` has. */
export const CALLS: Record<string, Record<string, (parts: Parts) => Promise<unknown>>> = {
  Reader: {
    trail: ({ reader, transactions }) =>
      Promise.all(transactions.map((id) => reader.trail('mine', id))),
    balance: (parts) => parts.reader.balance(mine, 'USD'),
    knownBalance: (parts) => parts.reader.knownBalance(mine, 'USD'),
    balanceAt: (parts) => parts.reader.balanceAt(mine, 'USD', '2999-01-01T00:00:00Z'),
    knownBalances: (parts) =>
      parts.reader.knownBalances(
        [mine, { ...mine, userId: 'new' }].map((who) => ({ who, currency: 'USD' })),
      ),
    balances: (parts) => parts.reader.balances(mine),
    canAfford: (parts) =>
      parts.reader.canAfford(mine, { currency: 'USD', amount: 1n, type: 'hold' }),
    balanceSeries: (parts) => parts.reader.balanceSeries(mine, 'USD', { points: 3 }),
    snapshot: (parts) => parts.reader.snapshot(mine, 'USD'),
    wallets: (parts) => parts.reader.wallets({ tenant: 'mine', currency: 'USD', limit: 100 }),
  },
  TransactionReader: {
    transaction: (parts) =>
      Promise.all(
        parts.transactions.flatMap((id) => [
          parts.reader.transaction('mine', id),
          parts.reader.transaction('mine', id, 'alice'),
        ]),
      ),
    requestContexts: (parts) =>
      parts.reader.requestContexts('mine', [{ userId: 'alice', currency: 'USD' }]),
    transactions: (parts) =>
      Promise.all([
        parts.reader.transactions({ tenant: 'mine', limit: 100 }),
        ...parts.transactions.map((cursor) =>
          parts.reader.transactions({ ...mine, cursor, limit: 100 }),
        ),
      ]),
    requests: (parts) =>
      Promise.all(
        [undefined, ...parts.transactions].flatMap((cursor) =>
          [{ tenant: 'mine' }, mine].map((whose) =>
            parts.reader.requests({
              ...whose,
              types: ['topup', 'withdrawal'],
              limit: 100,
              ...(cursor !== undefined && { cursor }),
            }),
          ),
        ),
      ),
    statementPage: (parts) => parts.reader.statementPage(mine),
    statement: async (parts) => [
      await all(parts.reader.statement(mine)),
      await all(parts.reader.statement({ tenant: 'mine' })),
    ],
  },
  Auditor: {
    verify: (parts) => parts.auditor.verify(mine, 'USD'),
    audit: (parts) => parts.auditor.audit('mine'),
    recalculate: (parts) => parts.auditor.recalculate(mine, 'USD'),
    recalculateAll: (parts) => parts.auditor.recalculateAll('mine'),
  },
  Analytics: {
    series: (parts) => parts.analytics.series(RANGE, 'USD'),
    counts: (parts) => parts.analytics.counts(RANGE, 'refusals', 'USD'),
    movers: (parts) =>
      parts.analytics.movers({ ...USD, from: '2020-01-01', to: '2999-01-01', direction: 'up' }),
    dormant: (parts) => parts.analytics.dormant({ ...USD, since: '2999-01-01T00:00:00Z' }),
    joined: (parts) => parts.analytics.joined({ ...USD, ...EVER }),
    cohorts: (parts) =>
      parts.analytics.cohorts({ tenant: 'mine', currency: 'USD', unit: 'week', ...EVER }),
  },
  LimitsAndAlerts: {
    monitors: (parts) => parts.limitsAndAlerts.monitors(mine),
    putMonitor: (parts) =>
      parts.limitsAndAlerts.putMonitor({
        ...mine,
        currency: 'USD',
        threshold: 1n,
        direction: 'below',
      }),
    deleteMonitors: async (parts) => [
      await parts.limitsAndAlerts.deleteMonitors(mine, parts.monitor),
      await parts.limitsAndAlerts.deleteMonitors(mine),
    ],
    limits: (parts) => parts.limitsAndAlerts.limits('mine'),
    usage: (parts) => parts.limitsAndAlerts.usage(mine),
    usagePage: (parts) =>
      Promise.all(
        [{}, { search: 'a' }, { cursor: 'a' }].map((asked) =>
          parts.limitsAndAlerts.usagePage({ tenant: 'mine', limit: 100, ...asked }),
        ),
      ),
    monitorPage: (parts) =>
      Promise.all(
        [{}, { search: 'a' }, { cursor: 'a' }].map((asked) =>
          parts.limitsAndAlerts.monitorPage({ tenant: 'mine', limit: 100, ...asked }),
        ),
      ),
    putLimit: (parts) =>
      parts.limitsAndAlerts.putLimit({
        ...mine,
        type: 'hold',
        currency: 'USD',
        maxAmount: 1_000n,
        maxSum: null,
        windowSeconds: null,
      }),
    deleteLimit: (parts) => parts.limitsAndAlerts.deleteLimit(mine, 'hold', 'USD'),
  },
  Freezes: {
    set: (parts) =>
      parts.freezes.set(bob, { debits: true, credits: false, reason: null, by: 'ada' }),
    history: (parts) => parts.freezes.history(bob),
  },
  FourEyes: {
    set: (parts) => parts.fourEyes.set('mine', [{ currency: 'USD', amount: 1n }], 'ada'),
    state: (parts) => parts.fourEyes.state('mine'),
  },
  TransactionSearch: {
    search: (parts) =>
      Promise.all(
        [...parts.transactions, 'alice', '777777777', '888888888', 'a'].map((text) =>
          parts.search.search({ tenant: 'mine', text, limit: 100 }),
        ),
      ),
  },
  Deeds: {
    note: (parts) =>
      parts.deeds.note(
        { tenant: 'mine', actor: 'ada', roles: ['admin'] },
        { deed: 'webhook_test', target: 'mine' },
      ),
    list: (parts) =>
      Promise.all(
        [{}, ...parts.transactions.map((target) => ({ target }))].map((asked) =>
          parts.deeds.list({ tenant: 'mine', limit: 100, ...asked }),
        ),
      ),
    all: (parts) => all(parts.deeds.all({ tenant: 'mine' })),
  },
  PostgresEventStore: {
    balance: (parts) => parts.events.balance(mine, 'USD'),
    eventsAfter: (parts) => parts.events.eventsAfter(mine, 0, 100),
    heads: (parts) => parts.events.heads([mine]),
    toldHolds: (parts) =>
      Promise.all(
        [null, ...parts.transactions].map((cursor) =>
          parts.events.toldHolds({ tenant: 'mine', userId: SERVICE }, cursor, 100),
        ),
      ),
  },
  IdempotencyStore: {
    run: (parts) =>
      parts.idempotency.run(
        { tenant: 'mine', actor: 'ada', key: 'answer', asked: 'x' },
        async () => 'mine',
      ),
  },
  PostgresRevocations: {
    revoke: (parts) =>
      parts.revocations.revoke({
        ...{ tenant: 'mine', userId: 'alice', revokedBy: 'ada', expiresAt: null },
        reason: null,
      }),
    lift: (parts) => parts.revocations.lift('mine', parts.revocation),
    list: (parts) => parts.revocations.list({ tenant: 'mine', limit: 100 }),
  },
  ApiKeyStore: {
    create: (parts) => parts.apiKeys.create(KEY, 'ada'),
    rotate: (parts) => parts.apiKeys.rotate('mine', parts.apiKey, 60, 'ada'),
    revoke: (parts) => parts.apiKeys.revoke('mine', parts.apiKey, 'ada'),
    get: (parts) => parts.apiKeys.get('mine', parts.apiKey),
    list: (parts) =>
      Promise.all(
        [{}, { cursor: parts.apiKey }].map((more) =>
          parts.apiKeys.list({ tenant: 'mine', limit: 100, ...more }),
        ),
      ),
  },
  PushDevices: {
    register: (p) =>
      p.devices.register(mine, {
        ...{ kind: 'web', address: ADDRESS_OF_THEIRS, keys: { p256dh: 'x', auth: 'y' } },
        ...{ service: 'https://push.example.com', label: null, language: 'en', figures: true },
      }),
    list: (p) => p.devices.list(mine),
    remove: (p) => p.devices.remove(mine, { id: p.device, address: ADDRESS_OF_THEIRS }),
    settings: (p) => p.devices.settings(mine),
    configure: (p) => p.devices.configure(mine, { quietHours: null }),
    seen: (p) => p.devices.seen(mine, TAB, null),
  },
  WebhookEndpoints: {
    deliveriesOf: ({ endpoints }) => endpoints.deliveriesOf(mine, { first: 1, last: 1000 }),
    create: (parts) => parts.endpoints.create('mine', 'ada', ENDPOINT),
    list: (parts) => parts.endpoints.list('mine'),
    get: (parts) => parts.endpoints.get('mine', parts.endpoint),
    target: (parts) => parts.endpoints.target('mine', parts.endpoint),
    change: (parts) =>
      Promise.all(
        [{ paused: true }, { paused: false }, { ...ENDPOINT, userIds: ['bob'] }].map((changes) =>
          parts.endpoints.change('mine', parts.endpoint, changes),
        ),
      ),
    rotate: (parts) => parts.endpoints.rotate('mine', parts.endpoint, 60),
    attempts: (parts) => parts.endpoints.attempts('mine', parts.endpoint, { limit: 100 }),
    failing: (parts) => parts.endpoints.failing('mine', parts.endpoint),
    replay: (parts) =>
      Promise.all(
        [null, 0].map((after) => parts.endpoints.replay('mine', parts.endpoint, 'alice', after)),
      ),
    replayAll: (parts) => parts.endpoints.replayAll('mine', parts.endpoint),
    delete: (parts) => parts.endpoints.delete('mine', parts.endpoint),
  },
  // What names payments of `theirs` comes last: `mine` may see what it named.
  ProviderLedger: {
    paymentOf: ({ providerLedger, transactions }) =>
      Promise.all(
        transactions.map((id) => providerLedger.paymentOf(PROVIDER, { tenant: 'mine', id })),
      ),
    events: ({ providerLedger, payments, transactions }) =>
      Promise.all(
        [
          {},
          { userId: 'alice' },
          { outcome: 'waiting' as const },
          ...transactions.map((topupId) => ({ topupId })),
          ...payments.events.map((cursor) => ({ cursor })),
        ].map((asked) => providerLedger.events({ tenant: 'mine', limit: 100, ...asked })),
      ),
    resolve: ({ providerLedger, payments }) =>
      Promise.all(payments.events.map((id) => providerLedger.resolve('mine', id, 'ada', 'done'))),
    debts: ({ providerLedger, payments }) =>
      Promise.all(
        [
          {},
          { userId: 'alice' },
          { status: 'open' as const },
          ...payments.debts.map((cursor) => ({ cursor })),
        ].map((asked) => providerLedger.debts({ tenant: 'mine', limit: 100, ...asked })),
      ),
    settleDebt: ({ providerLedger, payments }) =>
      Promise.all(
        payments.debts.flatMap((id) =>
          (['collect', 'write_off'] as const).map((action) =>
            providerLedger.settleDebt('mine', id, 'ada', action),
          ),
        ),
      ),
    linkPayment: ({ providerLedger, payments, transactions }) =>
      Promise.all(
        payments.paymentIds.flatMap((paymentId) =>
          [payments.own.pending, ...transactions].map((id) =>
            providerLedger.linkPayment(PROVIDER, paymentId, { tenant: 'mine', id }),
          ),
        ),
      ),
    record: reportAll,
  },
  AutoTopupStore: {
    rules: (parts) => parts.autoTopups.rules(mine),
    hasMethod: async (parts) => {
      expect(await parts.autoTopups.hasMethod(mine)).toBe(false)
    },
    saveMethod: (parts) =>
      parts.autoTopups.saveMethod(
        mine,
        { provider: PROVIDER, customer: 'c', paymentMethod: 'm' },
        'ada',
      ),
    put: (parts) =>
      parts.autoTopups.put(mine, {
        ...{ currency: 'USD', threshold: 1n, amount: 1n, cap: 1n, periodSeconds: 60 },
      }),
    remove: (parts) => parts.autoTopups.remove(mine, 'USD'),
    removeMethod: (parts) => parts.autoTopups.removeMethod(mine),
    charged: ({ autoTopups, transactions }) =>
      Promise.all(transactions.map((id) => autoTopups.charged({ tenant: 'mine', id }, 'p'))),
    end: ({ autoTopups, transactions }) =>
      Promise.all(
        [undefined, 'declined'].flatMap((reason) =>
          transactions.map((id) => autoTopups.end({ tenant: 'mine', id }, reason)),
        ),
      ),
  },
}

/** Events of every kind for topups of `mine`, which name events, topups, payments and disputes of `theirs`. */
async function reportAll({ providerLedger, payments, transactions }: Parts): Promise<unknown> {
  const { own, eventIds, paymentIds, disputes } = payments
  const named: Partial<PaymentEvent>[] = [
    ...eventIds.map((eventId) => ({ eventId })),
    ...paymentIds.map((paymentId) => ({ paymentId })),
    ...disputes.map((disputeId) => ({ disputeId })),
    ...transactions.map((id) => ({ topup: { tenant: 'mine', id } })),
  ]
  const answers: unknown[] = []
  for (const kind of PAYMENT_EVENT_KINDS) {
    for (const names of named) {
      answers.push(
        await providerLedger.record({
          ...{ provider: PROVIDER, eventId: randomUUID(), kind, paymentId: own.paymentId },
          ...{ topup: { tenant: 'mine', id: own.topup }, amount: 1n, currency: 'USD', ...names },
        }),
      )
    }
  }
  return answers
}
