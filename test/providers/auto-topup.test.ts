import { pino } from 'pino'
import { describe, expect } from 'vitest'
import { AutoTopupStore } from '../../src/ledger/auto-topups.ts'
import { ProviderLedger } from '../../src/ledger/provider-events.ts'
import { AutoTopups } from '../../src/providers/auto-topup.ts'
import { openProviders } from '../../src/providers/providers.ts'
import {
  deliver,
  intentFor,
  paidAtStub,
  STRIPE_SECRET,
  StripeStub,
  type StubIntent,
  stripeEvent,
} from '../support/providers/stripe.ts'
import { admin, type Caller, type LedgerApp, service, test } from '../support/routes/ledger-app.ts'

const stub = await new StripeStub().listen()
const stripe = {
  ...{ webhookSecret: STRIPE_SECRET, secretKey: 'sk_test_of_the_tests', apiUrl: stub.url },
}
test.override('parts', { providers: { stripe, signed: undefined } })
test.afterAll(() => stub.close())
test.afterEach(() => {
  stub.failure = undefined
})

/** What a process does for auto top-ups, in rounds that the test starts. */
async function process(api: LedgerApp, retryAfterMs = 60_000): Promise<AutoTopups> {
  const ledger = new ProviderLedger(api.sql)
  const providers = await openProviders({ stripe, signed: undefined }, ledger)
  const log = pino({ level: 'silent' })
  return new AutoTopups({ store: new AutoTopupStore(api.sql), providers, log, retryAfterMs })
}

const RULE = { threshold: 10, amount: 50, cap: 100 }

let users = 0
/** A user with 30 USD, a saved method, and a rule. */
async function user(api: LedgerApp, rule: object = RULE) {
  const who: Caller = { sub: `auto-${++users}` }
  await api.fund(who.sub, 30)
  const method = { userId: who.sub, customer: `cus_${who.sub}`, paymentMethod: 'pm_1' }
  const saved = await api.call(service, 'PUT /transactions/auto-topup/method', method)
  expect(saved.status).toBe(200)
  const put = async (fields = rule) =>
    (await api.call(who, 'PUT /transactions/auto-topup', fields)).body
  await put()
  const intents = () => stub.intents.filter(({ params }) => params.customer === method.customer)
  return {
    ...{ who, put, intents },
    last: () => intents().at(-1) as StubIntent,
    spend: async (amount: number) =>
      await api.call(who, 'POST /transactions', { type: 'booking_payment', amount }),
    balance: async () => (await api.call(who, 'GET /transactions/balance')).body.balance,
    topups: async () =>
      (await api.call(who, 'GET /transactions/my-transactions?metadata.autoTopup=true')).body.items,
    rule: async () => (await api.call(who, 'GET /transactions/auto-topup')).body.items[0],
    events: async () => {
      const rows = await api.sql<{ event: string; details: { reason?: string } | null }[]>`
        select event, details from events join wallets w on w.id = wallet_id
        where w.user_id = ${who.sub} order by events.seq`
      return rows.map(({ event, details }) =>
        details?.reason === undefined ? event : `${event} ${details.reason}`,
      )
    },
  }
}

test('below the threshold a topup is asked for, charged, and credited by the event', async ({
  api,
}) => {
  const one = await user(api)
  const server = await process(api)
  await one.spend(20)
  await server.round()
  // 10 is not below 10.
  expect(one.intents()).toEqual([])
  await one.spend(1)
  await server.round()
  expect(one.last().params).toMatchObject({
    ...{ amount: '5000', currency: 'usd', off_session: 'true', confirm: 'true' },
    ...{ customer: `cus_${one.who.sub}`, payment_method: 'pm_1' },
  })
  const [topup] = await one.topups()
  expect(topup).toMatchObject({ amount: 50, status: 'pending', metadata: { autoTopup: true } })
  // It is under way, so there is no second one.
  await server.round()
  expect(one.intents()).toHaveLength(1)
  await deliver(api, paidAtStub(one.last()))
  expect(await one.balance()).toBe(59)
})

test('two processes that see it at once make one topup and one charge', async ({ api }) => {
  const one = await user(api)
  await one.spend(25)
  const stores = Array.from({ length: 4 }, () => new AutoTopupStore(api.sql))
  const seen = await Promise.all(stores.map((store) => store.due(100)))
  const opened = await Promise.all(
    stores.map((store, i) => store.open(seen[i]?.at(-1)?.wallet_id ?? '', 'USD')),
  )
  expect(opened.filter((topup) => topup !== undefined)).toHaveLength(1)
  const servers = await Promise.all(Array.from({ length: 4 }, () => process(api, 0)))
  await Promise.all(servers.map((server) => server.round()))
  await Promise.all(servers.map((server) => server.round()))
  expect([one.intents().length, (await one.topups()).length]).toEqual([1, 1])
  const twice = api.owner().then(
    (sql) => sql`
      insert into auto_topup_runs select tenant, gen_random_uuid(), wallet_id, currency, amount, opened_at, tried_at
      from auto_topup_runs where topup_id = (
        select topup_id from auto_topup_runs r join wallets w on w.id = r.wallet_id where w.user_id = ${one.who.sub})`,
  )
  await expect(twice).rejects.toThrow('auto_topup_under_way')
})

test('the cap of the period holds, and another round follows when it has moved on', async ({
  api,
}) => {
  const one = await user(api)
  const server = await process(api)
  for (const expected of [1, 2, 2]) {
    await one.spend(await one.balance())
    await server.round()
    expect(one.intents()).toHaveLength(expected)
    await deliver(api, paidAtStub(one.last()))
    await server.round()
  }
  const owner = await api.owner()
  await owner`update auto_topup_runs set opened_at = opened_at - interval '31 days'`
  await server.round()
  expect(one.intents()).toHaveLength(3)
})

describe('nobody is held up', () => {
  test('by 50 frozen wallets, which go on when the freeze ends', async ({ api }) => {
    const store = new AutoTopupStore(api.sql)
    const rule = { currency: 'USD', threshold: 1n, amount: 5_000n, cap: 5_000n, periodSeconds: 60 }
    const frozen = Array.from({ length: 50 }, () => `auto-${++users}`)
    // As many as a round looks at.
    for (const userId of frozen) {
      const who = { tenant: 'default', userId }
      const method = { provider: 'stripe', customer: `cus_${userId}`, paymentMethod: 'pm_1' }
      await store.saveMethod(who, method, 'ada')
      const reason = { reason: 'a test' }
      const froze = await api.call(admin, `POST /transactions/wallets/${userId}/freeze`, reason)
      expect(froze.status).toBe(200)
      await store.put(who, rule)
    }
    const one = await user(api)
    await one.spend(25)
    const server = await process(api)
    await server.round()
    expect(one.intents()).toHaveLength(1)
    for (const userId of frozen.slice(0, 2)) {
      await api.call(admin, `DELETE /transactions/wallets/${userId}/freeze?reason=over`)
    }
    const due = await store.due(1)
    expect([...due, ...(await store.due(1, due[0]))]).toEqual(await store.due(2))
    await server.round()
    const charged = stub.intents.slice(-2)
    expect(charged.map(({ params }) => params.customer)).toEqual([
      `cus_${frozen[0]}`,
      `cus_${frozen[1]}`,
    ])
    for (const intent of charged) await deliver(api, paidAtStub(intent))
    const settled = await store.settled(1)
    expect([...settled, ...(await store.settled(1, settled[0]))]).toEqual(await store.settled(2))
    await server.round()
    expect(await store.settled(1)).toEqual([])
  })

  test('by 50 that cannot be done, such as those of wallets that are locked', async ({ api }) => {
    const names = Array.from({ length: 51 }, (_, i) => String(i))
    const done: string[] = []
    const next = (limit: number, after?: string) => {
      const from = after === undefined ? 0 : Number(after) + 1
      return names.slice(from, from + limit)
    }
    const act = async (name: string) => {
      if (name !== '50') throw new Error('locked')
      done.push(name)
    }
    class Locked extends AutoTopupStore {
      override due = (async (limit: number, after?: { wallet_id: string }) =>
        next(limit, after?.wallet_id).map((wallet_id) => ({
          ...{ wallet_id, currency: 'USD' },
        }))) as unknown as AutoTopupStore['due']
      override settled = (async (limit: number, after?: { id: string }) =>
        next(limit, after?.id).map((id) => ({
          ...{ tenant: 'default', id },
        }))) as unknown as AutoTopupStore['settled']
      override open = (walletId: string) => act(walletId).then(() => undefined)
      override end = ({ id }: { id: string }) => act(id)
      override unanswered = async () => []
    }
    const log = pino({ level: 'silent' })
    const server = new AutoTopups({ store: new Locked(api.sql), providers: [], log })
    await expect(server.round()).rejects.toThrow('100 auto top-ups')
    await server.round()
    expect(done).toEqual(['50', '50'])
  })
})

describe('a failure', () => {
  test('that Stripe tells at once fails the topup, pauses the rule and tells the user', async ({
    api,
  }) => {
    const one = await user(api)
    const server = await process(api)
    await one.spend(25)
    stub.failure = { status: 402, code: 'card_declined', declineCode: 'insufficient_funds' }
    await server.round()
    expect(await one.topups()).toMatchObject([
      {
        status: 'failed',
        processedBy: 'provider:stripe',
        metadata: { paymentProblem: 'insufficient_funds' },
      },
    ])
    expect(await one.rule()).toMatchObject({ status: 'paused', pausedReason: 'insufficient_funds' })
    expect((await one.events()).slice(-2)).toEqual([
      'transaction_failed',
      'auto_topup_paused insufficient_funds',
    ])
    stub.failure = undefined
    await server.round()
    expect(one.intents()).toEqual([])
    expect(await one.put()).toMatchObject({ status: 'active', pausedReason: null })
    await server.round()
    expect(one.intents()).toHaveLength(1)
  })

  test('is in the currency of its tenant where the rule names none', async ({ api }) => {
    const one = await user(api)
    const opal: Caller = { sub: 'opal', roles: ['operator'] }
    const turnTo = (currency: string | null) =>
      api.call(opal, 'PATCH /platform/tenants/default', { currency })
    await turnTo('EUR')
    try {
      expect(await one.put()).toMatchObject({ currency: 'EUR' })
    } finally {
      await turnTo(null)
    }
    expect(await one.put()).toMatchObject({ currency: 'USD' })
  })

  test('of a suspended tenant is not asked for; what was paid before is booked', async ({
    api,
  }) => {
    const [one, other] = [await user(api), await user(api)]
    const server = await process(api)
    await one.spend(25)
    await server.round()
    await other.spend(25)
    const opal: Caller = { sub: 'opal', roles: ['operator'] }
    await api.call(opal, 'POST /platform/tenants/default/suspend', {})
    try {
      await server.round()
      expect(other.intents()).toEqual([])
      const { body } = await deliver(api, paidAtStub(one.last()))
      expect(body).toMatchObject({ outcome: 'applied' })
    } finally {
      await api.call(opal, 'POST /platform/tenants/default/resume', {})
    }
    expect(await one.balance()).toBe(55)
    await server.round()
    expect(other.intents()).toHaveLength(1)
  })

  test('that Stripe tells later does the same', async ({ api }) => {
    const one = await user(api)
    const server = await process(api)
    await one.spend(25)
    await server.round()
    const [topup] = await one.topups()
    const failed = {
      ...{ id: one.last().id, object: 'payment_intent', status: 'requires_payment_method' },
      ...{ amount: 5_000, currency: 'usd', metadata: { topupId: topup.id } },
      last_payment_error: { code: 'card_declined' },
    }
    await deliver(api, stripeEvent('payment_intent.payment_failed', failed))
    await server.round()
    expect(await one.rule()).toMatchObject({ status: 'paused', pausedReason: 'card_declined' })
    expect((await one.events()).slice(-2)).toEqual([
      'transaction_failed',
      'auto_topup_paused card_declined',
    ])
    // A second one says nothing new.
    await server.round()
    expect((await one.events()).filter((name) => name.startsWith('auto_topup'))).toHaveLength(1)
  })

  test('by hand pauses too: it would be asked for again at once', async ({ api }) => {
    const one = await user(api)
    const server = await process(api)
    await one.spend(25)
    await server.round()
    const [topup] = await one.topups()
    await api.call(one.who, `POST /transactions/topup/${topup.id}/cancel`)
    await server.round()
    expect(await one.rule()).toMatchObject({ status: 'paused', pausedReason: 'topup_cancelled' })
    // The money comes all the same, and is not lost.
    const { body } = await deliver(api, paidAtStub(one.last()))
    expect(body).toMatchObject({ outcome: 'waiting', reason: 'topup_cancelled' })
  })

  test('to answer is no answer: the same charge is repeated, and charges once', async ({ api }) => {
    const one = await user(api)
    const server = await process(api, 0)
    await one.spend(25)
    stub.failure = { status: 500, code: 'down' }
    await expect(server.round()).rejects.toThrow('could not be charged')
    expect([(await one.topups())[0].status, (await one.rule()).status]).toEqual([
      'pending',
      'active',
    ])
    stub.failure = undefined
    await server.round()
    await server.round()
    expect([one.intents().length, (await one.topups()).length]).toEqual([1, 1])
  })

  test('to answer is not asked for again while the tenant is suspended', async ({ api }) => {
    const one = await user(api)
    const server = await process(api, 0)
    await one.spend(25)
    stub.failure = { status: 500, code: 'down' }
    await server.round().catch(() => {})
    stub.failure = undefined
    const opal: Caller = { sub: 'opal', roles: ['operator'] }
    await api.call(opal, 'POST /platform/tenants/default/suspend', {})
    try {
      await server.round()
      expect(one.intents()).toEqual([])
    } finally {
      await api.call(opal, 'POST /platform/tenants/default/resume', {})
    }
    await server.round()
    expect(one.intents()).toHaveLength(1)
  })

  describe('to answer, of a method that is deleted', () => {
    /** The charge of a topup has had no answer when the method is deleted. */
    async function deleted(api: LedgerApp) {
      const one = await user(api)
      const server = await process(api, 0)
      await one.spend(25)
      stub.failure = { status: 500, code: 'down' }
      await server.round().catch(() => {})
      stub.failure = undefined
      await api.call(one.who, 'DELETE /transactions/auto-topup/method')
      const save = async () => {
        const method = {
          userId: one.who.sub,
          customer: `cus_${one.who.sub}`,
          paymentMethod: 'pm_2',
        }
        await api.call(service, 'PUT /transactions/auto-topup/method', method)
      }
      const [topup] = await one.topups()
      return { ...one, server, save, topup }
    }

    test('is never asked for again, also of a method that is saved later', async ({ api }) => {
      const one = await deleted(api)
      await one.server.round()
      await one.save()
      await one.server.round()
      // A rule that is set now waits for the old charge, which may have been taken.
      await one.put()
      await one.server.round()
      expect([one.intents(), (await one.topups())[0].status]).toEqual([[], 'pending'])
      const owner = await api.owner()
      await owner`update auto_topup_runs set opened_at = opened_at - interval '13 hours'
        where topup_id = ${one.topup.id}`
      await one.server.round()
      expect(await one.topups()).toMatchObject([
        { status: 'failed', metadata: { paymentProblem: 'method_deleted' } },
      ])
      // The new rule has another method, so it goes on.
      expect(await one.rule()).toMatchObject({ status: 'active' })
      await one.server.round()
      expect(one.last().params.payment_method).toBe('pm_2')
      expect(one.intents()).toHaveLength(1)
    })

    test('is credited if it was taken all the same', async ({ api }) => {
      const one = await deleted(api)
      const paid = intentFor(one.topup.id, 5_000)
      const { body } = await deliver(api, stripeEvent('payment_intent.succeeded', paid))
      expect(body).toMatchObject({ outcome: 'applied' })
      await one.server.round()
      expect([await one.balance(), await one.rule()]).toEqual([55, undefined])
    })
  })

  test('to answer for half a day ends it', async ({ api }) => {
    const one = await user(api)
    const server = await process(api, 0)
    await one.spend(25)
    stub.failure = { status: 500, code: 'down' }
    await server.round().catch(() => {})
    const owner = await api.owner()
    await owner`update auto_topup_runs set opened_at = opened_at - interval '13 hours'`
    await server.round()
    expect(await one.rule()).toMatchObject({ pausedReason: 'provider_unavailable' })
    expect(stub.requests.filter((request) => request.includes('payment_intents'))).not.toEqual([])
  })
})

describe('the rule', () => {
  test('needs a saved method, which only a backend or an admin names', async ({ api }) => {
    const who: Caller = { sub: `auto-${++users}` }
    const refused = await api.call(who, 'PUT /transactions/auto-topup', RULE)
    expect([refused.status, refused.body.code]).toEqual([409, 'conflict'])
    const own = { userId: who.sub, customer: 'cus_of_another', paymentMethod: 'pm_1' }
    expect((await api.call(who, 'PUT /transactions/auto-topup/method', own)).status).toBe(403)
    expect((await api.call(admin, 'PUT /transactions/auto-topup/method', own)).status).toBe(200)
    expect((await api.call(who, 'PUT /transactions/auto-topup', RULE)).status).toBe(200)
  })

  test.for([
    [{ ...RULE, cap: 49 }, 'cap must be at least amount'],
    [{ ...RULE, threshold: 0 }, 'threshold must not be zero'],
    [{ ...RULE, amount: -1 }, 'amount must be positive'],
  ] as const)('%o is refused', async ([rule, why], { api }) => {
    const { status, body } = await api.call({ sub: 'any' }, 'PUT /transactions/auto-topup', rule)
    expect([status, body.code, body.message]).toEqual([400, 'invalid_amount', why])
  })

  test('is off when it is deleted, or its method is forgotten', async ({ api }) => {
    const one = await user(api)
    expect((await api.call(one.who, 'DELETE /transactions/auto-topup')).status).toBe(200)
    expect((await api.call(one.who, 'DELETE /transactions/auto-topup')).status).toBe(404)
    await one.put()
    await api.call(one.who, 'DELETE /transactions/auto-topup/method')
    await one.spend(25)
    await (await process(api)).round()
    expect([await one.rule(), one.intents()]).toEqual([undefined, []])
  })
})

test('a rule costs the payments of its wallet nothing: the wallet is not watched for it', async ({
  api,
}) => {
  const one = await user(api)
  const [row] = await api.sql<{ watched: boolean }[]>`
    select watched from wallets where user_id = ${one.who.sub}`
  expect(row?.watched).toBe(false)
})
