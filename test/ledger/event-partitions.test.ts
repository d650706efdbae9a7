import { beforeEach, describe, expect } from 'vitest'
import { EventPartitions } from '../../src/ledger/event-partitions.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { connect } from '../../src/postgres/database.ts'
import { TenantStore } from '../../src/tenants/tenant-store.ts'
import { eventually } from '../support/index.ts'
import { type Sample, silent, tenant, test } from '../support/ledger/sample.ts'

const KEEP_SECONDS = 3_600
/** So long after its begin a generation is followed by the next. */
const EIGHTH = KEEP_SECONDS / 8

async function advance({ sql }: Sample): Promise<number> {
  const [row] = await sql<{ generation: number }[]>`
    select advance_events(make_interval(secs => ${KEEP_SECONDS})) as generation`
  return row?.generation ?? 0
}

async function detach({ sql }: Sample): Promise<boolean | undefined> {
  const [row] = await sql<{ detached: boolean }[]>`
    select detach_events(make_interval(secs => ${KEEP_SECONDS})) as detached`
  return row?.detached
}

/** The oldest generation goes. A vacuum of it may be in the way for a moment. */
const detached = (ledger: Sample) => eventually(async () => expect(await detach(ledger)).toBe(true))

/** Generations that have not gone, oldest first. The last one has not begun. */
async function generations({ owner }: Sample): Promise<number[]> {
  const rows = await owner<{ generation: number }[]>`
    select generation from event_generations where detached_at is null order by 1`
  return rows.map(({ generation }) => generation)
}

/** Lets time pass. */
async function age({ owner }: Sample, seconds: number): Promise<void> {
  await owner`update event_generations set began_at = began_at - make_interval(secs => ${seconds})`
  await owner`update event_rows set created_at = created_at - make_interval(secs => ${seconds})`
}

/** Begins a generation, and makes the partition of the one after it. Returns its number. */
async function begin(ledger: Sample): Promise<number> {
  const before = await advance(ledger)
  await age(ledger, EIGHTH)
  let now = before
  while (now === before) now = await advance(ledger)
  await advance(ledger)
  return now
}

const seqsOf = async (ledger: Sample, userId: string) =>
  (await ledger.eventsOf(userId)).map(([seq]) => seq)

/** All is published. */
const publish = ({ owner }: Sample) => owner`delete from outbox`

/** Leaves only the newest generation, which is empty. */
async function clear(ledger: Sample): Promise<number> {
  const go = async () => {
    await age(ledger, KEEP_SECONDS)
    const [row] = await ledger.sql<{ newest: number }[]>`select event_generation() as newest`
    await eventually(async () => {
      await detach(ledger)
      expect((await generations(ledger))[0]).toBe(row?.newest)
    })
  }
  await publish(ledger)
  // There may be as many as there may be.
  await go()
  const generation = await begin(ledger)
  await go()
  await ledger.owner`update event_generations set began_at = now() where generation = ${generation}`
  expect((await generations(ledger))[0]).toBe(generation)
  return generation
}

/** The events of `userId` are alone in the oldest generation, and old enough to go. */
async function alone(ledger: Sample, userId: string, of = tenant): Promise<number> {
  const generation = await advance(ledger)
  await ledger.accepted({ op: 'adjustment', tenant: of, actor: 'admin', userId, amount: 1n })
  await publish(ledger)
  await begin(ledger)
  await age(ledger, KEEP_SECONDS)
  return generation
}

beforeEach<{ ledger: Sample }>(async ({ ledger }) => void (await clear(ledger)))

describe('events of a generation', () => {
  test('go together, oldest first, and a stream has no hole', async ({ ledger }) => {
    const first = await advance(ledger)
    await ledger.fund('ann', 1n)
    const second = await begin(ledger)
    await ledger.fund('ann', 1n)
    await ledger.fund('bob', 1n)
    const third = await begin(ledger)
    await ledger.fund('ann', 1n)
    await publish(ledger)
    expect(await detach(ledger)).toBe(false)
    expect(await seqsOf(ledger, 'ann')).toEqual([1, 2, 3, 4, 5, 6])

    await age(ledger, KEEP_SECONDS - EIGHTH)
    await detached(ledger)
    expect(await seqsOf(ledger, 'ann')).toEqual([3, 4, 5, 6])
    // The second ended later.
    expect(await detach(ledger)).toBe(false)
    await age(ledger, EIGHTH)
    await detached(ledger)
    expect(await seqsOf(ledger, 'ann')).toEqual([5, 6])
    expect(await seqsOf(ledger, 'bob')).toEqual([])
    // The newest stays, whatever its age.
    await age(ledger, KEEP_SECONDS)
    expect(await detach(ledger)).toBe(false)

    const tables = () => ledger.owner`
      select to_regclass(${`event_rows_${first}`}) as first, to_regclass(${`event_rows_${second}`}) as second`
    await ledger.sql`select drop_events()`
    expect(await tables()).toEqual([{ first: null, second: null }])
    expect((await generations(ledger))[0]).toBe(third)

    await ledger.fund('ann', 1n)
    await ledger.fund('bob', 1n)
    expect(await seqsOf(ledger, 'ann')).toEqual([5, 6, 7, 8])
    expect(await seqsOf(ledger, 'bob')).toEqual([3, 4])
    expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
  })

  const wallet = (userId: string) => `(select id from wallets where user_id = '${userId}')`
  test.for<[name: string, needed: string, unneeded: string]>([
    [
      'while the outbox names the last of them',
      `insert into outbox (wallet_ids, after_seqs, last_seqs) values (array[${wallet('USER')}], '{1}', '{2}')`,
      'delete from outbox',
    ],
    [
      'while a commit of theirs is on its way to deliveries',
      `insert into delivery_feed (wallet_ids, after_seqs, last_seqs, at)
       values (array[${wallet('USER')}], '{0}', '{2}', now())`,
      'delete from delivery_feed',
    ],
    [
      'while an endpoint waits for the last of them, for three days',
      `with endpoint as (
         insert into webhook_endpoints (id, tenant, url, description, secret, begins_after, begins_at, created_by)
         values (gen_random_uuid(), 'default', 'https://example.com', '', 'x', 0, now(), 'opal') returning id)
       insert into webhook_cursors (endpoint_id, wallet_id, acked_seq, last_seq, waiting_since)
       select id, ${wallet('USER')}, 1, 2, now() from endpoint`,
      "update webhook_cursors set waiting_since = now() - interval '73 hours'",
    ],
    [
      'while one is younger',
      `update event_rows set created_at = now() - interval '59 minutes' where wallet_id = ${wallet('USER')}`,
      `update event_rows set created_at = now() - interval '61 minutes' where wallet_id = ${wallet('USER')}`,
    ],
    [
      'while a tenant keeps events longer',
      `insert into tenants (tenant, name, settings, created_by, version)
       values ('long', 'Long', '{"eventRetentionSeconds": 86400}', 'opal', 1)`,
      "delete from tenants where tenant = 'long'",
    ],
  ])('stay %s', async ([name, needed, unneeded], { ledger }) => {
    const userId = name.replaceAll(/[^a-z]/g, '-')
    await alone(ledger, userId)
    await ledger.owner.unsafe(needed.replace('USER', userId))
    expect(await detach(ledger)).toBe(false)
    expect(await seqsOf(ledger, userId)).toEqual([1, 2])
    await ledger.owner.unsafe(unneeded.replace('USER', userId))
    await detached(ledger)
    expect(await seqsOf(ledger, userId)).toEqual([])
  })

  test('stay while their tenant is suspended', async ({ ledger }) => {
    const tenants = new TenantStore(ledger.sql)
    await tenants.create('waits', 'Waits', {}, 'opal')
    await alone(ledger, 'wim', 'waits')
    await tenants.suspend('waits', null, 'opal')
    expect(await detach(ledger)).toBe(false)
    await tenants.resume('waits')
    await detached(ledger)
  })

  test('go also if a clock that was wrong dated one ahead', async ({ ledger }) => {
    await alone(ledger, 'ida')
    await ledger.owner`
      update event_rows set created_at = now() + interval '1 year' where wallet_id = wallet_of(${tenant}, 'ida')`
    await detached(ledger)
    expect(await seqsOf(ledger, 'ida')).toEqual([])
  })

  test('are missed by the audit if later ones are there, and earlier ones too', async ({
    ledger,
  }) => {
    await begin(ledger)
    await ledger.fund('mia', 1n)
    const middle = await begin(ledger)
    await ledger.fund('mia', 1n)
    await begin(ledger)
    await ledger.fund('mia', 1n)
    const problems = async () => (await ledger.auditor.audit(tenant)).discrepancies
    expect(await problems()).toEqual([])
    await ledger.owner.unsafe(`alter table event_rows detach partition event_rows_${middle}`)
    expect(await problems()).toMatchObject([{ userId: 'mia', problem: 'an event is missing' }])
    await ledger.owner.unsafe(
      `alter table event_rows attach partition event_rows_${middle} for values in (${middle})`,
    )
    expect(await problems()).toEqual([])
  })
})

describe('a lock in the way', () => {
  test('of a reader keeps the oldest events for now, and no payment waits for that reader', async ({
    ledger,
  }) => {
    await alone(ledger, 'rob')
    await ledger.owner.begin(async (tx) => {
      await tx`select count(*) from event_rows`
      const [detached] = await Promise.all([detach(ledger), ledger.fund('sue', 1n)])
      expect(detached).toBe(false)
      await publish(ledger)
    })
    expect(await seqsOf(ledger, 'rob')).toEqual([1, 2])
    await detached(ledger)
  })

  test('of a transaction that began long ago and still writes keeps them too', async ({
    ledger,
  }) => {
    const generation = await alone(ledger, 'tim')
    await ledger.owner.begin(async (tx) => {
      await tx`update event_rows set amount = amount where generation = ${generation}`
      expect(await detach(ledger)).toBe(false)
    })
    await detached(ledger)
  })
})

describe('a new generation', () => {
  test('begins during payments, none of which fails or writes to an older one than the last', async ({
    ledger,
    database,
  }) => {
    const pool = connect(database.appUrl, { max: 4 })
    const executor = new Executor(pool)
    let paid = 0
    let advancing = true
    const users = ['u1', 'u2', 'u3']
    for (const userId of users) await ledger.fund(userId, 1_000_000n)
    const paying = Array.from({ length: 12 }, async (_, i) => {
      while (advancing) {
        const userId = users[i % 3] as string
        const outcome = await executor.execute({
          ...{ op: 'payment', tenant, actor: userId, userId, currency: 'USD', amount: 1n },
        })
        expect(outcome).toMatchObject({ ok: true })
        paid += 1
      }
    })
    const first = await advance(ledger)
    for (let count = 1; count <= 10; count++) {
      await ledger.owner`update event_generations set began_at = began_at - interval '1 day'`
      while ((await advance(ledger)) < first + count);
      const so = paid
      await eventually(() => expect(paid).toBeGreaterThan(so + 12))
      await publish(ledger)
      await detach(ledger)
    }
    advancing = false
    await Promise.all(paying)
    await pool.end()
    const [row] = await ledger.owner<{ generations: number; back: number }[]>`
      select count(distinct generation)::int as generations,
        count(*) filter (where generation < before)::int as back
      from (
        select generation, lag(generation) over (partition by wallet_id order by seq) as before from event_rows
      ) as e`
    expect(row?.generations).toBeGreaterThan(5)
    expect(row?.back).toBe(0)
    expect(await ledger.auditor.audit(tenant)).toMatchObject({ inaccurate: 0, discrepancies: [] })
  })

  test('is where a payment writes that began before it and waited for the wallet', async ({
    ledger,
  }) => {
    await ledger.fund('pia', 10n)
    const generation = await advance(ledger)
    const command = { op: 'payment', tenant, actor: 'pia', user_id: 'pia', currency: 'USD' }
    const commands = JSON.stringify([{ ...command, amount: '1' }])
    const waited = await ledger.owner.begin(async (tx) => {
      await tx`select from wallets where user_id = 'pia' for update`
      const waits = ledger.sql`select from ledger_apply(${commands}::text::json)`.execute()
      await ledger.somebodyWaits('ledger_apply')
      await ledger.owner`
        update event_generations set began_at = began_at - interval '1 day' where generation = ${generation}`
      expect(await advance(ledger)).toBe(generation + 1)
      await tx`select from ledger_apply(${commands}::text::json)`
      return { waits }
    })
    await waited.waits
    const rows = await ledger.owner<{ generation: number }[]>`
      select generation from event_rows where wallet_id = wallet_of(${tenant}, 'pia') order by seq`
    expect(rows.map((row) => row.generation)).toEqual([generation, generation + 1, generation + 1])
  })

  test('follows at once one that a wrong clock dated ahead', async ({ ledger }) => {
    const generation = await begin(ledger)
    expect(await advance(ledger)).toBe(generation)
    await ledger.owner`
      update event_generations set began_at = now() + interval '1 year' where generation = ${generation}`
    expect(await advance(ledger)).toBe(generation + 1)
    await publish(ledger)
    await advance(ledger)
    await begin(ledger)
    await ledger.owner`
      update event_generations set began_at = began_at - interval '1 day' where generation > ${generation}`
    await ledger.owner`update event_rows set created_at = created_at - interval '1 day'`
    while ((await generations(ledger))[0] !== generation) await detached(ledger)
  })

  test('waits while there are sixteen', async ({ ledger }) => {
    while ((await generations(ledger)).length < 16) await begin(ledger)
    const newest = await advance(ledger)
    await age(ledger, KEEP_SECONDS)
    for (let i = 0; i < 3; i++) expect(await advance(ledger)).toBe(newest)
    await publish(ledger)
    await detached(ledger)
    expect(await advance(ledger)).toBe(newest + 1)
  })
})

test('a process begins generations and drops old ones by itself', async ({ ledger }) => {
  const generation = await alone(ledger, 'zoe')
  const work = new EventPartitions({
    ...{ longRunning: ledger.sql, log: silent, intervalMs: 10 },
    eventRetentionSeconds: KEEP_SECONDS,
  })
  work.start()
  await eventually(async () => {
    const [row] = await ledger.owner`select to_regclass(${`event_rows_${generation}`}) as oldest`
    expect(row).toEqual({ oldest: null })
  })
  const newest = await advance(ledger)
  await age(ledger, EIGHTH)
  await eventually(async () => expect(await advance(ledger)).toBeGreaterThan(newest))
  await work.stop()
  expect(await seqsOf(ledger, 'zoe')).toEqual([])
})
