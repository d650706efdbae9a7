import { describe, expect } from 'vitest'
import { HoldExpiry, Retention } from '../../src/ledger/maintenance.ts'
import { TenantStore } from '../../src/tenants/tenant-store.ts'
import { eventually } from '../support/index.ts'
import { type Sample, silent, tenant, test } from '../support/ledger/sample.ts'

const hold = (ledger: Sample, userId: string, expiresIn: number) =>
  ledger.accepted({ op: 'hold', userId, amount: 100n, expiresIn })

describe('an expired hold', () => {
  const sweeper = (ledger: Sample) =>
    new HoldExpiry({ sql: ledger.sql, executor: ledger.executor, log: silent, intervalMs: 50 })

  test('frees its money by itself, and says so', async ({ ledger }) => {
    await ledger.fund('ann', 100n)
    const expiry = sweeper(ledger)
    expiry.start()
    try {
      const { id } = await hold(ledger, 'ann', 3_600)
      expect(await ledger.stateOf('ann')).toEqual({ balance: 100n, held: 100n })
      await ledger.owner`update transactions set expires_at = clock_timestamp() where id = ${id}`
      await eventually(async () =>
        expect(await ledger.stateOf('ann')).toEqual({ balance: 100n, held: 0n }),
      )
      expect(await ledger.reader.transaction(tenant, id)).toMatchObject({
        status: 'expired',
        processedBy: 'system',
      })
      expect((await ledger.eventsOf('ann')).at(-1)).toEqual([5, 'transaction_failed', 100n])
    } finally {
      await expiry.stop()
    }
  })

  test('is freed once, by whichever of several processes, also long after its time', async ({
    ledger,
  }) => {
    await ledger.fund('bob', 100_000n)
    const holds = await Promise.all(Array.from({ length: 600 }, () => hold(ledger, 'bob', 3_600)))
    const late = await hold(ledger, 'bob', 3_600)
    await ledger.owner`
      update transactions set expires_at = now() - interval '1 day'
      where user_id = 'bob' and type = 'hold' and id <> ${late.id}`
    const sweepers = [sweeper(ledger), sweeper(ledger), sweeper(ledger)]
    for (const one of sweepers) one.start()
    await eventually(async () =>
      expect(await ledger.stateOf('bob')).toEqual({ balance: 100_000n, held: 100n }),
    )
    await Promise.all(sweepers.map((one) => one.stop()))
    const failed = await ledger.owner`
      select from events where event = 'transaction_failed' and status = 'expired'
        and wallet_id = (select id from wallets where user_id = 'bob')`
    expect(failed.count).toBe(holds.length)
  })

  test('does not expire before its time, whoever says so', async ({ ledger }) => {
    await ledger.fund('cid', 100n)
    const { id } = await hold(ledger, 'cid', 60)
    expect(
      await ledger.run({ op: 'hold_expire', actor: 'system', transactionId: id }),
    ).toMatchObject({ ok: false, code: 'invalid_command' })
  })
})

describe('pruning', () => {
  const pruning = (ledger: Sample) =>
    new Retention({
      sql: ledger.sql,
      log: silent,
      eventRetentionSeconds: 3_600,
      keyRetentionSeconds: 3_600,
      intervalMs: 20,
    })
  const seqsOf = async (ledger: Sample, userId: string) =>
    (await ledger.eventsOf(userId)).map(([seq]) => seq)
  const age = (ledger: Sample, userId: string, upTo: number, hours = 2) => ledger.owner`
    update event_rows set created_at = created_at - make_interval(hours => ${hours})
    where wallet_id = (select id from wallets where user_id = ${userId}) and seq <= ${upTo}`
  const published = (ledger: Sample, userId: string) => ledger.owner`
    delete from outbox where (select id from wallets where user_id = ${userId}) = any (wallet_ids)`

  // Otherwise no event could be old.
  test.beforeEach(async ({ owner }) => {
    await owner`update event_generations set began_at = now() - interval '1 year'`
  })

  test('forgets the oldest events, and leaves a stream without a hole', async ({ ledger }) => {
    for (let i = 0; i < 130; i++) await ledger.fund('dan', 1n)
    await ledger.fund('eve', 1n)
    await Promise.all([published(ledger, 'dan'), published(ledger, 'eve')])
    await ledger.owner`delete from outbox`
    await age(ledger, 'dan', 250)
    const work = [pruning(ledger), pruning(ledger)]
    for (const one of work) one.start()
    await eventually(async () =>
      expect(await seqsOf(ledger, 'dan')).toEqual([
        251, 252, 253, 254, 255, 256, 257, 258, 259, 260,
      ]),
    )
    await Promise.all(work.map((one) => one.stop()))
    expect(await seqsOf(ledger, 'eve')).toEqual([1, 2])
  })

  test('keeps events as long as their tenant says, and all of a suspended tenant', async ({
    ledger,
  }) => {
    const tenants = new TenantStore(ledger.sql)
    await tenants.create('short', 'Short', { eventRetentionSeconds: 600 }, 'opal')
    await tenants.create('long', 'Long', { eventRetentionSeconds: 86_400 }, 'opal')
    await tenants.create('waits', 'Waits', { eventRetentionSeconds: 60 }, 'opal')
    await tenants.suspend('waits', null, 'opal')
    const all = ['short', 'long', 'waits', 'nobody-made-it']
    for (const tenant of all) {
      await ledger.accepted({
        op: 'adjustment',
        tenant,
        actor: 'admin',
        userId: tenant,
        amount: 1n,
      })
    }
    await ledger.owner`delete from outbox`
    const agesAgo = (tenant: string, minutes: number) => ledger.owner`
      update event_rows set created_at = created_at - make_interval(mins => ${minutes})
      where wallet_id = (select id from wallets where user_id = ${tenant})`
    for (const tenant of all) await agesAgo(tenant, 30)
    const kept = async () => {
      const rows = await ledger.owner<{ tenant: string }[]>`
        select distinct tenant from wallets w join events e on e.wallet_id = w.id
        where tenant <> 'default' order by 1`
      return rows.map(({ tenant }) => tenant)
    }
    const work = pruning(ledger)
    work.start()
    await eventually(async () => expect(await kept()).toEqual(['long', 'nobody-made-it', 'waits']))
    for (const tenant of all) await agesAgo(tenant, 60)
    await eventually(async () => expect(await kept()).toEqual(['long', 'waits']))
    await tenants.resume('waits')
    await eventually(async () => expect(await kept()).toEqual(['long']))
    await work.stop()
  })

  test('leaves events that are kept longest to their partition, until they are a quarter too old', async ({
    ledger,
  }) => {
    await ledger.fund('kim', 1n)
    await ledger.owner`delete from outbox`
    const prune = async () => {
      await ledger.sql`select prune_events(interval '40 hours', 0, 1000)`
      return seqsOf(ledger, 'kim')
    }
    await age(ledger, 'kim', 2, 49)
    expect(await prune()).toEqual([1, 2])
    await age(ledger, 'kim', 2, 2)
    expect(await prune()).toEqual([])
  })

  test('leaves a stretch without a hole, also where a clock that was wrong dated an event', async ({
    ledger,
  }) => {
    for (let i = 0; i < 5; i++) await ledger.fund('ina', 1n)
    await ledger.owner`delete from outbox`
    await age(ledger, 'ina', 8)
    await ledger.owner`
      update event_rows set created_at = clock_timestamp() + interval '1 day'
      where wallet_id = (select id from wallets where user_id = 'ina') and seq = 4`
    const work = pruning(ledger)
    work.start()
    // The events of a change stay or go together.
    await eventually(async () =>
      expect(await seqsOf(ledger, 'ina')).toEqual([3, 4, 5, 6, 7, 8, 9, 10]),
    )
    await work.stop()
  })

  test('never forgets what is not yet known to be published', async ({ ledger }) => {
    await ledger.owner`delete from outbox`
    await ledger.fund('fay', 1n)
    await ledger.fund('gil', 1n)
    await age(ledger, 'fay', 2, 3)
    await age(ledger, 'gil', 2)
    await ledger.owner`
      delete from outbox where (select id from wallets where user_id = 'fay') = any (wallet_ids)`
    const work = pruning(ledger)
    work.start()
    await eventually(async () => expect(await seqsOf(ledger, 'fay')).toEqual([]))
    await work.stop()
    expect(await seqsOf(ledger, 'gil')).toEqual([1, 2])
  })

  test('forgets the answers to old idempotency keys, and no others', async ({ ledger }) => {
    const keys = Array.from({ length: 400 }, (_, i) => `key ${i}`)
    await Promise.all(
      keys.map((idempotencyKey) =>
        ledger.accepted({
          op: 'adjustment',
          actor: 'admin',
          userId: 'hal',
          amount: 1n,
          idempotencyKey,
        }),
      ),
    )
    await ledger.owner`
      update idempotency_keys set created_at = created_at - interval '2 hours' where key <> 'key 7'`
    const work = pruning(ledger)
    work.start()
    await eventually(async () =>
      expect(await ledger.owner`select key from idempotency_keys`).toEqual([{ key: 'key 7' }]),
    )
    await work.stop()
  })
})
