import { expect } from 'vitest'
import { tenant, test, USD } from '../support/ledger/sample.ts'

test('invariant 1: entries are never changed: by the application for want of the right, by the owner for the trigger', async ({
  ledger,
}) => {
  await ledger.fund('quin', 1_000n)
  for (const change of [
    'update entries set amount = 1',
    'delete from entries',
    'truncate entries',
  ]) {
    await expect(ledger.sql.unsafe(change)).rejects.toThrow(/permission denied/)
    await expect(ledger.owner.unsafe(change)).rejects.toThrow(/append-only/)
  }
})

test('invariant 2: each type of transaction posts to one house account, and the table lists every type', async ({
  ledger,
}) => {
  const rows = await ledger.owner`
    select type, house_account(type, 1, 2, 3, 4)::int as account
    from unnest(enum_range(null::transaction_type)) as type`
  const kinds = ['', 'cash', 'revenue', 'adjustments', 'transit']
  expect(Object.fromEntries(rows.map(({ type, account }) => [type, kinds[account]]))).toEqual({
    topup: 'cash',
    withdrawal: 'cash',
    booking_payment: 'revenue',
    hold: 'revenue',
    refund: 'revenue',
    admin_adjustment: 'adjustments',
    transfer: 'transit',
    split: 'transit',
  })
})

test('invariant 2: a type that no house account is named for raises', async ({ ledger }) => {
  await ledger.owner`alter type transaction_type add value 'gift'`
  await expect(ledger.owner`select house_account('gift', 1, 2, 3, 4)`).rejects.toThrow(
    'no house account is named for transactions of type gift',
  )
  await expect(ledger.owner`select house_account(null, 1, 2, 3, 4)`).rejects.toThrow(
    'no house account is named for transactions of type null',
  )
})

test('invariant 2: no house account has a row with a running balance', async ({ ledger }) => {
  await ledger.fund('ann', 100n)
  const rows = await ledger.owner`
    select from balance_snapshots s join accounts a on a.id = s.account_id where a.kind <> 'wallet'`
  expect(rows).toHaveLength(0)
})

test('invariant 3: the table itself refuses a balance below zero, and more held than there is', async ({
  ledger,
}) => {
  await ledger.fund('bob', 100n)
  for (const change of ['balance = -1', 'held = -1', 'held = 101']) {
    await expect(
      ledger.owner.unsafe(`update balance_snapshots set ${change} where user_id = 'bob'`),
    ).rejects.toThrow(/violates check constraint/)
  }
})

test('invariant 12: recalculate repairs a snapshot, and audit finds it before and nothing after', async ({
  ledger,
}) => {
  await ledger.fund('sue', 1_000n)
  await ledger.owner`update balance_snapshots set balance = balance + 1 where user_id = 'sue'`
  const audit = await ledger.auditor.audit(tenant)
  expect(audit.inaccurate).toBe(1)
  expect(audit.discrepancies[0]).toMatchObject({ userId: 'sue', snapshotBalance: 1_001n })
  expect(await ledger.auditor.recalculate({ tenant, userId: 'sue' }, USD)).toMatchObject({
    previousBalance: 1_001n,
    newBalance: 1_000n,
  })
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

/** A rule of somebody's that keeps the ledger from writing, and says nothing. */
const SILENCED: [table: string, doing: 'insert' | 'update'][] = [
  ['wallets', 'update'],
  ['balance_snapshots', 'update'],
  ['transactions', 'insert'],
  ['transactions', 'update'],
  ['entries', 'insert'],
  ['event_rows', 'insert'],
  ['outbox', 'insert'],
  ['idempotency_keys', 'insert'],
]

test.for(SILENCED)(
  'invariant 11: a row of %s that is not written (%s) raises, and nothing is',
  async ([table, doing], { ledger }) => {
    const userId = `${table}.${doing}`
    await ledger.fund(userId, 100n)
    const { id } = await ledger.accepted({ op: 'topup_request', userId, amount: 10n })
    const all = () => ledger.owner`
    select (select count(*) from entries) as entries, (select count(*) from events) as events,
      (select count(*) from transactions) as transactions, (select sum(seq) from wallets) as seqs,
      (select sum(balance) from balance_snapshots) as balances, (select count(*) from outbox) as outbox`
    const before = await all()
    await ledger.owner.unsafe(`
    create or replace function say_nothing() returns trigger language plpgsql as 'begin return null; end';
    create trigger silenced before ${doing} on ${table} for each row execute function say_nothing()`)
    const settling = ledger.run({
      ...{ op: 'topup_process', actor: 'admin', transactionId: id, status: 'success' },
      idempotencyKey: userId,
    })
    const opening = ledger.run({ op: 'payment', userId, amount: 1n, idempotencyKey: `${userId} 2` })
    const settled = await Promise.allSettled([settling, opening])
    await ledger.owner.unsafe(`drop trigger silenced on ${table}`)
    const expected = (one: PromiseSettledResult<unknown>) =>
      one.status === 'rejected' && String(one.reason).includes(`rows of ${table} were written`)
    if (table !== 'transactions') {
      expect(settled.map(expected)).toEqual([true, true])
      expect(await all()).toEqual(before)
    } else {
      // Only one of the two does this to a transaction.
      expect(settled.map(expected)).toEqual([doing === 'update', doing === 'insert'])
    }
    expect(await ledger.auditor.audit(tenant)).toMatchObject({
      inaccurate: 0,
      discrepancies: [],
    })
  },
)

test('invariant 11: a row that was moved by an update from outside is written all the same', async ({
  ledger,
}) => {
  await ledger.fund('cid', 100n)
  // Before each write of a snapshot its row moves: a place that was read before leads nowhere.
  await ledger.owner.unsafe(`
    create function move() returns trigger language plpgsql security definer as
      'begin update balance_snapshots set tenant = tenant; return null; end';
    create trigger moves before update on wallets for each statement execute function move()`)
  await ledger.accepted({ op: 'payment', userId: 'cid', amount: 1n })
  await ledger.owner`drop trigger moves on wallets`
  expect(await ledger.stateOf('cid')).toEqual({ balance: 99n, held: 0n })
  expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
})

test('invariant 11: pruning that does not delete what it found raises', async ({ ledger }) => {
  await ledger.fund('dan', 1n)
  await ledger.owner.unsafe(`
    create or replace function say_nothing() returns trigger language plpgsql as 'begin return null; end';
    create trigger silenced before delete on event_rows for each row execute function say_nothing();
    create trigger silenced before delete on idempotency_keys for each row execute function say_nothing();
    insert into idempotency_keys values ('default', 'dan', 'old', 'x', '{}', now() - interval '1 year');
    update event_generations set began_at = '-infinity' where began_at is not null;
    delete from outbox`)
  await expect(ledger.sql`select prune_events(interval '-1 hour', 0, 200)`).rejects.toThrow(
    'rows of event_rows were written',
  )
  await expect(
    ledger.sql`select prune_idempotency_keys(interval '1 hour', 0, 128)`,
  ).rejects.toThrow('rows of idempotency_keys were written')
})
