import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { connect } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { type Sample, tenant, test } from '../support/ledger/sample.ts'

const NAMES = ['available_changed', 'transaction_failed', 'balance_updated', 'hold_exhausted']

/** Gives a user changes of so many events each, after those they have. Returns the seqs and names of all. */
async function tell(ledger: Sample, userId: string, sizes: readonly number[]) {
  await ledger.fund(userId, 1n)
  const told: [number, LedgerEvent['event']][] = [
    [1, 'balance_updated'],
    [2, 'transaction_completed'],
  ]
  for (const size of sizes) {
    const names = NAMES.slice(0, size) as LedgerEvent['event'][]
    for (const name of names) told.push([told.length + 1, name])
    await ledger.owner`
      insert into event_rows (wallet_id, seq, events, currency, new_balance, created_at)
      select id, ${told.length}, ${`{${names}}`}::text::event_name[], 'USD', 1, now() from wallets
      where user_id = ${userId}`
  }
  await ledger.owner`update wallets set seq = ${told.length} where user_id = ${userId}`
  return told
}

test('a page has the events after any seq, up to any, also in the middle of a change', async ({
  ledger,
}) => {
  const userId = 'ann'
  const told = await tell(ledger, userId, [1, 4, 2, 3, 1, 1, 4, 4])
  for (let after = 0; after <= told.length; after++) {
    for (let limit = 1; after + limit <= told.length + 1; limit++) {
      const { events, head } = await ledger.store.eventsAfter({ tenant, userId }, after, limit)
      expect(head).toBe(told.length)
      expect(events.map(({ seq, event }) => [seq, event])).toEqual(told.slice(after, after + limit))
    }
  }
  const [all] = await ledger.sql<{ seqs: number[] }[]>`
    select json_agg(seq order by seq) as seqs
    from events_between(wallet_of(${tenant}, ${userId}), 0, 9223372036854775807)`
  expect(all?.seqs).toEqual(told.map(([seq]) => seq))
})

test('a page begins with the oldest event that is kept', async ({ ledger }) => {
  const userId = 'bob'
  const told = await tell(ledger, userId, [3, 4])
  await ledger.owner`delete from event_rows where wallet_id = wallet_of(${tenant}, ${userId}) and seq <= 5`
  for (const after of [0, 1, 4, 5]) {
    const { events } = await ledger.store.eventsAfter({ tenant, userId }, after, 2)
    expect(events.map(({ seq, event }) => [seq, event])).toEqual(told.slice(5, 7))
  }
  await ledger.owner`delete from event_rows where wallet_id = wallet_of(${tenant}, ${userId})`
  expect(await ledger.store.eventsAfter({ tenant, userId }, 3, 9)).toEqual({ head: 9, events: [] })
})

test('an endpoint begins in the middle of a change where it should', async ({ ledger }) => {
  await tell(ledger, 'cat', [3, 4])
  await ledger.owner`
    update event_rows set created_at = now() - make_interval(mins => 10 - seq::int)
    where wallet_id = wallet_of(${tenant}, 'cat')`
  const start = async (after: number, minutes: number) => {
    const [row] = await ledger.sql<{ seq: string }[]>`
      select webhook_start(wallet_of(${tenant}, 'cat'), ${after}, now() - make_interval(mins => ${minutes})) as seq`
    return Number(row?.seq)
  }
  // The changes end with the events 2, 5 and 9, of eight, five and one minute ago.
  const starts = [start(9, 0), start(7, 0), start(9, 3), start(4, 3), start(9, 6), start(9, 9)]
  expect(await Promise.all(starts)).toEqual([9, 7, 5, 4, 2, 0])
})

test.for(['{}', '{balance_updated,null}', `{${[...NAMES, 'hold_expiring']}}`])(
  'a change tells of one to four events, and never of %s',
  async (names, { ledger }) => {
    await ledger.fund('dan', 1n)
    await expect(
      ledger.owner`update event_rows set events = ${names}::text::event_name[]`,
    ).rejects.toMatchObject({ code: '23514' })
  },
)

test('events of the version before, a row each, are read as they were', async ({
  emptyDatabase: database,
  emptyOwner: owner,
}) => {
  await migrate(database.ownerUrl)
  const pool = connect(database.appUrl, { max: 1 })
  const executor = new Executor(pool)
  const pay = (op: 'adjustment' | 'payment', amount: bigint) =>
    executor.execute({
      ...{ op, tenant, actor: 'admin', userId: 'eve', currency: 'USD', amount },
    })
  await pay('adjustment', 5n)
  const asBefore = () => owner`select to_jsonb(e) - 'last_seq' as event from events e order by seq`
  const before = await asBefore()
  await owner.unsafe(`
    drop view events cascade;
    create table events (
      wallet_id bigint not null, seq bigint not null, event event_name not null, currency text not null,
      new_balance bigint not null, previous_balance bigint, transaction_id uuid, transaction_type transaction_type,
      status transaction_status, amount bigint, details jsonb, traceparent text, created_at timestamptz not null,
      primary key (wallet_id, seq));
    insert into events select wallet_id, seq - cardinality(events) + n, events[n], currency, new_balance,
      case when n = 1 then previous_balance end, transaction_id, transaction_type, status, amount, details,
      traceparent, created_at
    from event_rows cross join generate_series(1, 2) n;
    drop table event_rows, event_generations;
    drop function event_generation;
    drop domain event_names;
    create view event_stream as select * from events;
    delete from schema_files where name in ('migrations/0014_event_rows.sql', 'migrations/0016_event_partitions.sql')`)
  const migrated = await migrate(database.ownerUrl)
  expect(migrated.applied).toEqual([
    'migrations/0014_event_rows.sql',
    'migrations/0016_event_partitions.sql',
  ])
  expect(await asBefore()).toEqual(before)
  expect(before).toHaveLength(2)

  // A session that knew the tables of before goes on.
  expect(await pay('payment', 1n)).toMatchObject({ ok: true })
  const store = await PostgresEventStore.open(pool)
  const { events } = await store.eventsAfter({ tenant, userId: 'eve' }, 1, 9)
  expect(events.map(({ seq, event, newBalance }) => [seq, event, newBalance])).toEqual([
    [2, 'transaction_completed', 5n],
    [3, 'balance_updated', 4n],
    [4, 'transaction_completed', 4n],
  ])
  expect(await new Auditor(pool).audit(tenant)).toMatchObject({ inaccurate: 0 })
  await pool.end()
})
