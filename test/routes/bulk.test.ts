import { describe, expect } from 'vitest'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { admin, type alice, type LedgerApp, service, test } from '../support/routes/ledger-app.ts'

let users = 0

/** A new user with 100. */
async function newUser(api: LedgerApp): Promise<string> {
  users += 1
  await api.fund(`user-${users}`, 100)
  return `user-${users}`
}

const pay = (userId: string, amount: number, more: object = {}) => ({
  ...{ type: 'booking_payment', userId, amount },
  ...more,
})

async function bulk(api: LedgerApp, body: object, key?: string, caller = service) {
  const headers = key === undefined ? {} : { 'Idempotency-Key': key }
  return api.call(caller, 'POST /transactions/bulk', body, headers)
}

const balance = async (api: LedgerApp, userId: string) =>
  (await api.call({ sub: userId }, 'GET /transactions/balance')).body

// biome-ignore lint/suspicious/noExplicitAny: a result of either form
const told = (results: any[]) =>
  results.map(({ code, transaction }) => code ?? transaction.newBalance ?? transaction.status)

describe('a bulk', () => {
  test('applies its commands in order, and each has its own result', async ({ api }) => {
    const user = await newUser(api)
    const { status, body } = await bulk(api, {
      commands: [
        pay(user, 60, { referenceId: 'b-1', metadata: { n: 1 } }),
        pay(user, 60),
        { type: 'hold', userId: user, amount: 30 },
        pay(user, 20),
        pay(user, 10),
      ],
    })
    expect(status).toBe(200)
    expect(told(body.results)).toEqual([
      ...[40, 'insufficient_funds', 'pending', 'insufficient_funds', 30],
    ])
    expect(body.results[1].details).toMatchObject({ requiredAmount: 60, shortfall: 20 })
    expect(body.results[0].transaction).toMatchObject({ referenceId: 'b-1', metadata: { n: 1 } })
    expect(await balance(api, user)).toMatchObject({ balance: 30, held: 30 })
  })

  test('takes every kind of command, as the caller’s role allows', async ({ api }) => {
    const user = await newUser(api)
    const self = { sub: user }
    const opened = (
      await bulk(
        api,
        {
          commands: [
            { type: 'hold', amount: 10, expiresIn: 60 },
            { type: 'hold', amount: 10 },
            { type: 'topup', amount: 5 },
            { type: 'topup', amount: 6 },
            { type: 'withdrawal', amount: 5 },
            { type: 'booking_payment', amount: 10 },
            { type: 'transfer', toUserId: service.sub, amount: 1 },
          ],
        },
        undefined,
        self,
      )
    ).body.results
    expect(told(opened)).toEqual([
      ...['pending', 'pending', 'pending', 'pending', 'pending', 90, 'unknown_user'],
    ])
    const id = (i: number) => ({ transactionId: opened[i].transaction.id })
    const ended = await bulk(
      api,
      {
        commands: [
          { type: 'hold_capture', ...id(0), amount: 4 },
          { type: 'hold_void', ...id(1) },
          { type: 'topup_cancel', ...id(3), metadata: { why: 'twice' } },
        ],
      },
      undefined,
      self,
    )
    expect(told(ended.body.results)).toEqual([86, 'cancelled', 'cancelled'])
    expect(ended.body.results[2].transaction.metadata).toEqual({ why: 'twice' })
    // Only the user's own, as by the route.
    const foreign = { commands: [{ type: 'topup_cancel', ...id(2) }] }
    expect(told((await bulk(api, foreign)).body.results)).toEqual(['not_found'])
    const decided = await bulk(
      api,
      {
        commands: [
          { type: 'topup_process', ...id(2), status: 'success' },
          { type: 'withdrawal_process', ...id(4), status: 'failed' },
          { type: 'refund', ...id(5), amount: 2.5 },
          { type: 'admin_adjustment', userId: user, amount: -0.5, description: 'a fee' },
        ],
      },
      undefined,
      admin,
    )
    expect(told(decided.body.results)).toEqual([91, 'failed', 93.5, 93])
  })

  test.for<[string, object, number]>([
    [
      'an admin’s command',
      { type: 'admin_adjustment', userId: 'x', amount: 1, description: 'd' },
      403,
    ],
    ['another user’s payment', pay('somebody-else', 1), 403],
    ['too many decimals', { type: 'topup', amount: 0.001 }, 400],
    ['an unknown type', { type: 'theft', amount: 1 }, 400],
    ['a field of another type', { type: 'topup', amount: 1, toUserId: 'bob' }, 400],
    ['dryRun of one command', { type: 'topup', amount: 1, dryRun: true }, 400],
    [
      'a part of what is not there',
      { type: 'hold_capture', transactionId: crypto.randomUUID(), amount: 1 },
      404,
    ],
  ])(
    'with %s is refused whole, and says which command it is',
    async ([, wrong, status], { api }) => {
      const user = await newUser(api)
      const commands = [{ type: 'booking_payment', amount: 1 }, wrong]
      const answer = await bulk(api, { commands }, undefined, { sub: user })
      expect(answer.status).toBe(status)
      expect(answer.body.message).toMatch(/^commands\.1/)
      expect(await balance(api, user)).toMatchObject({ balance: 100 })
    },
  )

  test('has 1 to 1,000 commands, in a body of up to 5 MiB, or 1 MiB of a user', async ({ api }) => {
    const user = await newUser(api)
    const many = (n: number) => Array.from({ length: n }, () => pay(user, 0.1))
    expect((await bulk(api, { commands: [] })).status).toBe(400)
    expect((await bulk(api, { commands: many(1_001) })).status).toBe(400)
    const { body } = await bulk(api, { commands: many(1_000) })
    expect(body.results[999].transaction.newBalance).toBe(0)
    const self = { sub: user }
    const largest = JSON.stringify({ text: '' }).length
    const metadata = { text: 'x'.repeat(4_096 - largest) }
    const topups = (n: number) =>
      Array.from({ length: n }, () => ({ type: 'topup', amount: 1, metadata }))
    for (const caller of [service, admin]) {
      const full = await bulk(api, { commands: topups(1_000) }, undefined, caller)
      expect([full.status, told(full.body.results).slice(-1)]).toEqual([200, ['pending']])
      const padded = `${JSON.stringify({ commands: topups(1) })}${' '.repeat(5 * 2 ** 20)}`
      expect((await api.call(caller, 'POST /transactions/bulk', padded)).status).toBe(413)
    }
    expect((await bulk(api, { commands: topups(240) }, undefined, self)).status).toBe(200)
    expect((await bulk(api, { commands: topups(260) }, undefined, self)).status).toBe(413)
    // A single command’s body stays as small as it was.
    const padded = `${JSON.stringify(pay(user, 1))}${' '.repeat(65 * 1024)}`
    expect((await api.call(service, 'POST /transactions', padded)).status).toBe(413)
  })
})

describe('an atomic bulk', () => {
  test('applies all or none, and sends no event of what was not applied', async ({ api }) => {
    const user = await newUser(api)
    const other = await newUser(api)
    const store = await PostgresEventStore.open(api.sql)
    const head = async (userId: string) =>
      (await store.eventsAfter({ tenant: 'default', userId }, 0, 500)).events.length
    const before = [await head(user), await head(other)]
    const refused = await bulk(api, {
      atomic: true,
      commands: [pay(other, 50), pay(user, 100.01), pay(other, 10)],
    })
    expect(told(refused.body.results)).toEqual([
      ...['bulk_aborted', 'insufficient_funds', 'bulk_aborted'],
    ])
    expect([await balance(api, user), await balance(api, other)]).toMatchObject([
      ...[{ balance: 100 }, { balance: 100 }],
    ])
    expect([await head(user), await head(other)]).toEqual(before)
    const [{ waiting }] = await api.sql<[{ waiting: number }]>`
      select count(*)::int as waiting from transactions where user_id = ${user} and type = 'booking_payment'`
    expect(waiting).toBe(0)

    const done = await bulk(api, { atomic: true, commands: [pay(other, 50), pay(user, 100)] })
    expect(told(done.body.results)).toEqual([50, 0])
    expect(await head(user)).toBe((before[0] ?? 0) + 2)
  })
})

describe('an Idempotency-Key of a bulk', () => {
  test.for([false, true])('gives the first answer again (atomic: %s)', async (atomic, { api }) => {
    const user = await newUser(api)
    const key = `bulk-${user}`
    const body = { atomic, commands: [pay(user, 10), pay(user, 20)] }
    const first = await bulk(api, body, key)
    const again = await bulk(api, body, key)
    expect(again.body).toEqual(first.body)
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(await balance(api, user)).toMatchObject({ balance: 70 })
  })

  test.for([false, true])('gives a refusal again (atomic: %s)', async (atomic, { api }) => {
    const user = await newUser(api)
    const key = `bulk-${user}`
    const body = { atomic, commands: [pay(user, 10), pay(user, 200)] }
    const first = await bulk(api, body, key)
    await api.fund(user, 500)
    const again = await bulk(api, body, key)
    expect(again.body).toEqual(first.body)
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(await balance(api, user)).toMatchObject({ balance: atomic ? 600 : 590 })
  })

  test('is bound to all commands, their order and the mode', async ({ api }) => {
    const user = await newUser(api)
    const key = `bulk-${user}`
    const commands = [pay(user, 10), pay(user, 20)]
    await bulk(api, { commands }, key)
    for (const other of [
      { commands: commands.slice(0, 1) },
      { commands: [...commands, pay(user, 1)] },
      { commands: commands.toReversed() },
      { commands, atomic: true },
      { commands: [pay(user, 10), pay(user, 21)] },
    ]) {
      const answer = await bulk(api, other, key)
      expect([answer.status, answer.body.code]).toEqual([422, 'idempotency_key_reused'])
    }
    expect(await balance(api, user)).toMatchObject({ balance: 70 })
  })

  test('moves the money once, however many send it at the same time', async ({ api }) => {
    const user = await newUser(api)
    for (const atomic of [false, true]) {
      const body = { atomic, commands: [pay(user, 10), pay(user, 20)] }
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => bulk(api, body, `race-${user}-${atomic}`)),
      )
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
      expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    }
    expect(await balance(api, user)).toMatchObject({ balance: 40 })
  })
})

describe('a dry run', () => {
  test('answers as the command would, and changes nothing', async ({ api }) => {
    const user = await newUser(api)
    const self = { sub: user }
    const hold = (await api.call(self, 'POST /transactions/hold', { amount: 10 })).body
    const topup = (await api.call(self, 'POST /transactions/topup', { amount: 10 })).body
    const state = async () => {
      const [row] = await api.sql`
        select (select count(*) from transactions) as transactions, (select count(*) from entries) as entries,
          (select count(*) from events) as events, (select count(*) from outbox) as outbox,
          (select count(*) from wallets) as wallets, (select count(*) from idempotency_keys) as keys`
      return { ...row, ...(await balance(api, user)) }
    }
    const before = await state()
    const dry = async (caller: typeof alice, request: string, body: object, key = false) => {
      const answer = await api.call(
        caller,
        request,
        { ...body, dryRun: true },
        key ? { 'Idempotency-Key': 'dry' } : {},
      )
      expect(answer.headers.get('dry-run')).toBe('true')
      return [answer.status, answer.body.code ?? answer.body.newBalance ?? answer.body.status]
    }
    const payment = { type: 'booking_payment' }
    expect(await dry(self, 'POST /transactions', { ...payment, amount: 90 })).toEqual([201, 10])
    expect(await dry(self, 'POST /transactions', { ...payment, amount: 90.01 })).toEqual([
      ...[402, 'insufficient_funds'],
    ])
    expect(await dry(self, 'POST /transactions', { ...payment, amount: 1 }, true)).toEqual([
      201, 99,
    ])
    expect(await dry({ sub: 'nobody-yet' }, 'POST /transactions/topup', { amount: 1 })).toEqual([
      ...[201, 'pending'],
    ])
    expect(await dry(self, 'POST /transactions/withdrawal', { amount: 1 })).toEqual([
      201,
      'pending',
    ])
    expect(await dry(self, `POST /transactions/hold/${hold.id}/capture`, {})).toEqual([200, 90])
    expect(await dry(self, `POST /transactions/hold/${hold.id}/void`, {})).toEqual([
      200,
      'cancelled',
    ])
    expect(await dry(self, `POST /transactions/topup/${topup.id}/cancel`, {})).toEqual([
      ...[200, 'cancelled'],
    ])
    const approval = { status: 'success' }
    expect(await dry(admin, `PATCH /transactions/topup/${topup.id}/process`, approval)).toEqual([
      ...[200, 110],
    ])
    const adjustment = { userId: user, amount: 1, description: 'a gift' }
    expect(await dry(admin, 'POST /transactions/adjustment', adjustment)).toEqual([201, 101])
    const body = { dryRun: true, commands: [pay(user, 60), pay(user, 60), pay(user, 30)] }
    expect(told((await bulk(api, body)).body.results)).toEqual([40, 'insufficient_funds', 10])
    expect(await state()).toEqual(before)
    // And `dryRun: false` is the command itself.
    const real = await api.call(self, 'POST /transactions', {
      ...payment,
      amount: 90,
      dryRun: false,
    })
    expect([real.status, real.body.newBalance]).toEqual([201, 10])
  })
})
