import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cancelMove, moveTenant, previewMove } from '../../src/tenants/move.ts'
import { purgeTenant } from '../../src/tenants/move-purge.ts'
import { eventually } from '../support/index.ts'
import { openLedgers, place, type TestLedger } from '../support/tenants/ledgers.ts'

const ACME = 'acme'

/** Ann and bob of acme, and an ann of another tenant, in the first of the databases. */
async function withMoney(...names: string[]): Promise<TestLedger[]> {
  const ledgers = await openLedgers(...names)
  const [main] = ledgers as [TestLedger]
  await main.give('default', 'ann', 7n)
  await main.give(ACME, 'ann', 100n)
  await main.give(ACME, 'bob', 50n)
  await main.run({ op: 'transfer', tenant: ACME, userId: 'ann', toUserId: 'bob', amount: 30n })
  await main.run({
    ...{ op: 'hold', tenant: ACME, userId: 'bob', amount: 20n, expiresIn: 3600 },
    idempotencyKey: 'hold-1',
  })
  await main.publish()
  return ledgers
}

const HAVE = { ann: 70n, bob: 80n }

const between = (...ledgers: TestLedger[]) => ({ tenant: ACME, places: ledgers, drainMs: 5_000 })

const unavailable = { name: 'DatabaseUnavailable', notApplied: true }

const pay = (ledger: TestLedger, idempotencyKey?: string) =>
  ledger.run({
    ...{ op: 'payment', tenant: ACME, userId: 'ann', amount: 1n },
    ...(idempotencyKey && { idempotencyKey }),
  })

describe('a move', () => {
  test('brings everything, and the source refuses from then on', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    const paid = await pay(main, 'key-1')
    await main.publish()
    const of = between(main, beside)
    const before = await main.sql`
      select account_id, version, hash from entries e join accounts a on a.id = e.account_id
      where a.tenant = ${ACME} order by 1, 2`
    const moved = await moveTenant({ ...of, to: 'beside' })
    expect(moved).toMatchObject({ from: 'main', to: 'beside', moved: true })
    expect(moved.money).toEqual([{ currency: 'USD', balance: '149', held: '20' }])
    expect(await beside.balances(ACME)).toEqual({ ann: 69n, bob: 80n })
    expect(await beside.sql`select account_id, version, hash from entries order by 1, 2`).toEqual(
      before,
    )
    expect(await beside.audit(ACME)).toEqual([])
    expect(await main.audit('default')).toEqual([])
    expect(await beside.sql`select tenant from wallets where tenant <> ${ACME}`).toEqual([])

    // A payment that is repeated is answered from the first.
    expect(await pay(beside, 'key-1')).toEqual({ ...paid, replayed: true })
    expect(await beside.balances(ACME)).toEqual({ ann: 69n, bob: 80n })
    // The hold can be released, and a new user gets an id of the target's range.
    const [hold] = await beside.sql`select id from transactions where type = 'hold'`
    const voided = await beside.run({ op: 'hold_void', tenant: ACME, transactionId: hold?.id })
    expect(voided.ok).toBe(true)
    await beside.give(ACME, 'cy', 5n)
    expect(await beside.sql`select id >> 40 as range from wallets where user_id = 'cy'`).toEqual([
      { range: '1' },
    ])

    await expect(pay(main)).rejects.toMatchObject(unavailable)
    await expect(main.give(ACME, 'dan', 1n)).rejects.toMatchObject(unavailable)
    expect((await main.run({ ...PAYMENT, userId: 'ann', tenant: 'default' })).ok).toBe(true)
    expect(await moveTenant({ ...of, to: 'beside' })).toMatchObject({ moved: false })
  })

  test('brings events of partitions that the target does not have', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    for (let generation = 2; generation <= 5; generation++) {
      await main.sql`update event_generations set began_at = now() - interval '1 year'
        where began_at is not null`
      await eventually(async () => {
        const [row] = await main.sql`select advance_events(interval '1 day') as newest`
        expect(row?.newest).toBe(generation)
      })
      await pay(main)
    }
    await main.publish()
    const told = ({ sql }: TestLedger) => sql`
      select user_id, seq, event, new_balance from event_stream where tenant = ${ACME} order by 1, 2`
    const before = await told(main)
    expect(before.length).toBeGreaterThan(8)
    await moveTenant({ ...between(main, beside), to: 'beside' })
    expect(await told(beside)).toEqual(before)
    expect(await beside.sql`select distinct generation from event_rows`).toEqual([
      { generation: 1 },
    ])
  })

  test('goes on to a third database, and back, after what it left was removed', async () => {
    const [main, second, third] = (await withMoney('main', 'second', 'third')) as TestLedger[] &
      Record<0 | 1 | 2, TestLedger>
    const of = between(main, second, third)
    await moveTenant({ ...of, to: 'second' })
    await second.give(ACME, 'eve', 9n)
    await second.publish()
    await moveTenant({ ...of, to: 'third' })
    await third.give(ACME, 'fay', 4n)
    await third.publish()
    await expect(moveTenant({ ...of, to: 'main' })).rejects.toMatchObject({
      code: 'target_not_empty',
    })
    const { home, databases } = await purgeTenant(of)
    expect([home, databases.map(({ database }) => database)]).toEqual([
      ...['third', ['main', 'second']],
    ])
    await expect(purgeTenant(of)).rejects.toMatchObject({ code: 'nothing_left' })
    for (const table of ['wallets', 'accounts', 'transactions', 'balance_snapshots']) {
      expect(await main.sql.unsafe(`select from ${table} where tenant = $1`, [ACME])).toEqual([])
    }
    expect(await main.audit('default')).toEqual([])
    await expect(main.give(ACME, 'dan', 1n)).rejects.toMatchObject(unavailable)
    expect(await main.sql`select tgname from pg_trigger where tgname like 'fence%'`).toEqual([])

    await moveTenant({ ...of, to: 'main' })
    expect(await main.balances(ACME)).toEqual({ ...HAVE, eve: 9n, fay: 4n })
    expect(await main.audit(ACME)).toEqual([])
    await main.give(ACME, 'gil', 1n)
    expect(await main.sql`select id >> 40 as range from wallets where user_id = 'gil'`).toEqual([
      { range: '0' },
    ])
    expect((await pay(main)).ok).toBe(true)
    await expect(pay(third)).rejects.toMatchObject(unavailable)
    // Each deed once, in one chain.
    const [deeds] = await main.sql`
      select count(*)::int as deeds, count(distinct id)::int as ids from deeds where tenant = ${ACME}`
    expect(deeds).toEqual({ deeds: 5, ids: 5 })
  })

  test('from one tenant database to another leaves the main database out', async () => {
    const [main, second, third] = (await openLedgers('main', 'second', 'third')) as TestLedger[] &
      Record<0 | 1 | 2, TestLedger>
    await place(main, second, ACME)
    await second.give(ACME, 'ann', 100n)
    await second.publish()
    await moveTenant({ ...between(main, second, third), to: 'third' })
    expect(await third.balances(ACME)).toEqual({ ann: 100n })
    await expect(pay(second)).rejects.toMatchObject(unavailable)
    await expect(pay(main)).rejects.toMatchObject(unavailable)
    const homes = (ledger: TestLedger) => ledger.sql`select tenant, here from tenant_homes`
    expect([await homes(main), await homes(second), await homes(third)]).toEqual([
      [{ tenant: ACME, here: false }],
      [{ tenant: ACME, here: false }],
      [{ tenant: ACME, here: true }],
    ])
  })

  test('waits until the events of the last commits are published', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await pay(main)
    const steps: string[] = []
    const moving = moveTenant({
      ...between(main, beside),
      to: 'beside',
      drainMs: 60_000,
      onStep: (step) => void steps.push(step),
    })
    await eventually(() => expect(steps).toContain('drain'))
    await expect(pay(main)).rejects.toMatchObject(unavailable)
    expect(steps).not.toContain('copy')
    await main.publish()
    expect(await moving).toMatchObject({ moved: true })

    const [other, target] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await pay(other)
    const of = between(other, target)
    await expect(moveTenant({ ...of, to: 'beside', drainMs: 0 })).rejects.toMatchObject({
      code: 'not_drained',
      message: expect.stringMatching(/^1 commits of acme are not published/),
    })
    expect((await pay(other)).ok).toBe(true)
  })

  test('that finds ids which meet changes nothing, and says what to do', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await beside.sql`select setval('wallets_id_seq', 1, false), setval('accounts_id_seq', 1, false)`
    await place(main, beside, 'globex')
    for (const user of ['ann', 'bob', 'cy']) await beside.give('globex', user, 5n)
    const of = { ...between(main, beside), to: 'beside' }
    expect((await previewMove(of)).meetingIds).toBeGreaterThan(0)
    await expect(moveTenant(of)).rejects.toMatchObject({
      code: 'ids_meet',
      message: expect.stringContaining('--prepare'),
    })
    expect((await pay(main)).ok).toBe(true)
    expect(await beside.balances(ACME)).toEqual({})
  })

  test('into a database of the same range lets its new ids begin above those that come', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await beside.sql`select setval('wallets_id_seq', 1, false), setval('accounts_id_seq', 1, false)`
    await moveTenant({ ...between(main, beside), to: 'beside' })
    for (const user of ['hal', 'ian', 'joe', 'kim']) await beside.give(ACME, user, 1n)
    expect(await beside.audit(ACME)).toEqual([])
  })

  test('ends before it begins where a copy differs from its source', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await beside.sql.unsafe(`
      create function spoil() returns trigger language plpgsql as $$
        begin new.description := 'spoiled'; return new; end $$;
      create trigger spoil before insert on transactions for each row when (new.amount = 30) execute function spoil()`)
    const of = { ...between(main, beside), to: 'beside' }
    await expect(moveTenant(of)).rejects.toMatchObject({
      code: 'not_verified',
      message: expect.stringContaining('transactions'),
    })
    expect(await beside.balances(ACME)).toEqual({})
    expect((await pay(main)).ok).toBe(true)
    expect(await main.sql`select from tenant_moves`).toEqual([])
  })

  test('of a ledger whose audit fails ends before it begins', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await main.sql`update transactions set status = 'failed' where tenant = ${ACME} and amount = 30`
    await expect(moveTenant({ ...between(main, beside), to: 'beside' })).rejects.toMatchObject({
      code: 'audit_failed',
    })
    expect((await pay(main)).ok).toBe(true)
  })

  test('of a tenant that nobody knows is refused, and so is one to a database that is not named', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    const of = between(main, beside)
    const typo = { ...of, tenant: 'acne', to: 'beside' }
    await expect(moveTenant(typo)).rejects.toMatchObject({ code: 'not_found' })
    await expect(previewMove(typo)).rejects.toMatchObject({ code: 'not_found' })
    await expect(moveTenant({ ...of, to: 'nowhere' })).rejects.toMatchObject({
      code: 'unknown_database',
    })
    const twice = [main, beside, { name: 'again', url: beside.url }]
    await expect(moveTenant({ ...of, places: twice, to: 'again' })).rejects.toMatchObject({
      code: 'same_database',
    })
    expect(await main.sql`select from tenant_moves`).toEqual([])
  })

  test('can be stopped, and then the source takes writes again', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    const stopping = new AbortController()
    const of = { ...between(main, beside), to: 'beside', signal: stopping.signal }
    const onStep = (step: string) => {
      if (step === 'copy') stopping.abort(new Error('stopped'))
    }
    await expect(moveTenant({ ...of, onStep })).rejects.toThrow('stopped')
    expect((await pay(main)).ok).toBe(true)
    expect(await beside.balances(ACME)).toEqual({})
  })
})

const PAYMENT = { op: 'payment', amount: 1n } as const

async function killed(main: TestLedger, beside: TestLedger, before: string): Promise<void> {
  const file = join(import.meta.dirname, '../support/tenants/mover.ts')
  const args = ['--import', 'tsx', file, ACME, main.url, beside.url, before]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [, signal] = await once(child, 'close')
  expect(signal).toBe('SIGKILL')
}

describe('a move that is killed', () => {
  // Before the steps of tables, only some of them: they are alike.
  test.for(['announce', 'fence', 'drain', 'wallets', 'entries', 'audit', 'commit', 'switch'])(
    'before %s can be called again, and no write is taken twice or lost',
    async (step) => {
      const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
      await killed(main, beside, step)
      // The killed session may still hold its locks for a moment.
      const accepted = async (ledger: TestLedger) =>
        pay(ledger).then(
          ({ ok }) => ok,
          () => false,
        )
      // Before it hears of the tenant, the target knows nothing of it, and no server would write there.
      const both = [await accepted(main), step !== 'announce' && (await accepted(beside))]
      expect(both.filter(Boolean).length).toBeLessThan(2)
      if (step === 'announce' || step === 'fence') expect(both).toEqual([true, false])
      if (step === 'switch') expect(both).toEqual([false, true])
      const paid = both.includes(true) ? 1n : 0n
      await Promise.all([main.publish(), beside.publish()])

      await eventually(async () => {
        const moved = await moveTenant({ ...between(main, beside), to: 'beside' })
        expect(moved.moved).toBe(true)
      })
      expect(await beside.balances(ACME)).toEqual({ ...HAVE, ann: HAVE.ann - paid })
      expect(await beside.audit(ACME)).toEqual([])
      expect(await accepted(main)).toBe(false)
      expect(await accepted(beside)).toBe(true)
    },
  )

  test('can be given up until the target is the home, and not later', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await killed(main, beside, 'commit')
    await expect(pay(main)).rejects.toMatchObject(unavailable)
    await eventually(() => cancelMove(between(main, beside)))
    expect((await pay(main)).ok).toBe(true)
    await expect(cancelMove(between(main, beside))).rejects.toMatchObject({ code: 'no_move' })
    await main.publish()

    await killed(main, beside, 'switch')
    await expect(cancelMove(between(main, beside))).rejects.toMatchObject({ code: 'switched' })
    expect((await pay(beside)).ok).toBe(true)
    await expect(pay(main)).rejects.toMatchObject(unavailable)
  })
})

test('two moves of a tenant at once end in one database', async () => {
  const [main, second, third] = (await withMoney('main', 'second', 'third')) as TestLedger[] &
    Record<0 | 1 | 2, TestLedger>
  const of = between(main, second, third)
  const ended = await Promise.allSettled([
    moveTenant({ ...of, to: 'second' }),
    moveTenant({ ...of, to: 'third' }),
    moveTenant({ ...of, to: 'second' }),
  ])
  expect(ended.some(({ status }) => status === 'fulfilled')).toBe(true)
  const taking = []
  for (const ledger of [main, second, third]) {
    if (
      await pay(ledger).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      taking.push(ledger.name)
  }
  expect(taking).toHaveLength(1)
})

describe('while a tenant moves', () => {
  /** Each changes something of a tenant. */
  const WRITES: Record<string, (ledger: TestLedger, tenant: string) => Promise<unknown>> = {
    wallets: ({ sql }, tenant) => sql`update wallets set seq = seq + 1 where tenant = ${tenant}`,
    accounts: ({ sql }, tenant) =>
      sql`insert into accounts (tenant, currency, kind) values (${tenant}, 'USD', 'fee:x')`,
    balance_snapshots: ({ sql }, tenant) =>
      sql`update balance_snapshots set balance = balance + 1 where tenant = ${tenant}`,
    transactions: ({ sql }, tenant) =>
      sql`update transactions set status = 'failed' where tenant = ${tenant}`,
    idempotency_keys: ({ sql }, tenant) =>
      sql`select claim_key(${tenant}, 'a', 'k', 'h', gen_random_uuid(), '10 seconds')`,
    limits: ({ sql }, tenant) => sql`
      insert into limits (wallet_id, type, currency, max_amount)
      select id, 'booking_payment', 'USD', 5 from wallets where tenant = ${tenant}`,
    monitors: ({ sql }, tenant) => sql`
      insert into monitors (wallet_id, currency, direction, threshold)
      select id, 'USD', 'below', 5 from wallets where tenant = ${tenant}`,
    freezes: ({ sql }, tenant) =>
      sql`select set_freeze(${tenant}, 'ann', 'USD', true, false, 'x', 'ada')`,
    four_eyes: ({ sql }, tenant) => sql`
      insert into four_eyes (tenant, currency, asked_by, in_force, changed_at)
      values (${tenant}, 'USD', 'ada', true, now())`,
    webhook_endpoints: ({ sql }, tenant) => sql`
      insert into webhook_endpoints (id, tenant, url, secret, begins_after, created_by)
      values (gen_random_uuid(), ${tenant}, 'https://a.example', 's', 0, 'ada')`,
    push_settings: ({ sql }, tenant) => sql`
      insert into push_settings (wallet_id) select id from wallets where tenant = ${tenant} limit 1`,
    auto_topups: ({ sql }, tenant) => sql`
      insert into auto_topups (wallet_id, currency, threshold, amount, cap, period_seconds)
      select id, 'USD', 5, 5, 5, 60 from wallets where tenant = ${tenant}`,
  }

  test('nobody changes anything of it, and nobody else is refused', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await pay(main)
    const moving = moveTenant({ ...between(main, beside), to: 'beside', drainMs: 60_000 })
    await eventually(async () => {
      const [row] = await main.sql`select fenced_at from tenant_moves`
      expect(row?.fenced_at).toBeTruthy()
    })
    const refusals = async () => {
      const codes: Record<string, string> = {}
      for (const [table, write] of Object.entries(WRITES)) {
        codes[table] = await write(main, ACME).then(
          () => 'done',
          (error) => error.code,
        )
      }
      return codes
    }
    const all = Object.fromEntries(Object.keys(WRITES).map((table) => [table, '57L01']))
    expect(await refusals()).toEqual(all)
    await main.publish()
    await moving
    expect(await refusals()).toEqual(all)
    for (const write of Object.values(WRITES)) await write(main, 'default')
  })

  test('other tenants pay in the same batch, and its own commands are not tried again', async () => {
    const [main, beside] = (await withMoney('main', 'beside')) as [TestLedger, TestLedger]
    await moveTenant({ ...between(main, beside), to: 'beside' })
    const commands = Array.from({ length: 20 }, (_, i) =>
      main.run(
        i % 2
          ? { ...PAYMENT, tenant: ACME, userId: 'ann' }
          : { op: 'adjustment', tenant: 'default', actor: 'ada', userId: `u${i}`, amount: 1n },
      ),
    )
    const ended = await Promise.allSettled(commands)
    expect(ended.map(({ status }) => status)).toEqual(
      ended.map((_, i) => (i % 2 ? 'rejected' : 'fulfilled')),
    )
  })
})
