import { describe, expect } from 'vitest'
import type { DeliveryStore, Result, Waiting } from '../../src/deliveries/delivery.ts'
import { PushDevices } from '../../src/deliveries/push-devices.ts'
import { PushQueue } from '../../src/deliveries/push-queue.ts'
import { WebhookEndpoints } from '../../src/deliveries/webhook-endpoints.ts'
import { WebhookQueue } from '../../src/deliveries/webhook-queue.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { Executor } from '../../src/ledger/executor.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { TenantStore } from '../../src/tenants/tenant-store.ts'
import { test as base } from '../support/fixtures.ts'

/** What the queues of all kinds promise to the deliverer. Each has one target that is due for ann's events. */
const KINDS = {
  webhooks: {
    table: 'webhook_cursors',
    places: 512,
    queue: (sql: Sql): DeliveryStore<unknown> => new WebhookQueue(sql, { perEndpoint: 64 }),
    target: (sql: Sql) =>
      new WebhookEndpoints(sql).create('default', 'ada', {
        ...{ url: 'https://shop.example.com/', description: null, events: null, userIds: null },
      }),
  },
  'push notifications': {
    table: 'push_devices',
    places: 400,
    queue: (sql: Sql): DeliveryStore<unknown> => new PushQueue(sql),
    target: (sql: Sql) =>
      new PushDevices(sql).register(
        { tenant: 'default', userId: 'ann' },
        {
          ...{ kind: 'web', address: 'https://push.example.com/1', keys: {}, label: null },
          ...{ service: 'https://push.example.com', language: 'en', figures: true },
        },
      ),
  },
}

const test = base.extend('ledger', async ({ sql, owner }) => {
  await owner`truncate webhook_endpoints, webhook_cursors, push_devices, push_services, delivery_feed`
  const store = await PostgresEventStore.open(sql)
  const executor = new Executor(sql, {
    async onCommitted({ outboxId }) {
      await store.acknowledge([outboxId])
    },
  })
  return {
    change: () =>
      executor.execute({
        ...{ op: 'adjustment', actor: 'ada', tenant: 'default', userId: 'ann', amount: 100n },
        ...{ currency: 'USD', description: 'test' },
      }),
  }
})

const NONE = new Map<string, number>()

const resultOf = (
  { tenant, targetId, walletId, lastSeq }: Waiting<unknown>,
  rest: Partial<Result> = {},
): Result => ({
  tenant,
  targetId,
  walletId,
  ackedSeq: lastSeq,
  outcome: 'done',
  attempts: [],
  ...rest,
})

describe.for(Object.entries(KINDS))('the queue of %s', ([, { table, places, queue, target }]) => {
  test('gives a user to one process, in order, and again when there are new events', async ({
    ledger,
    sql,
  }) => {
    await target(sql)
    const [one, two] = [queue(sql), queue(sql)]
    expect(await one.claim(10, NONE)).toEqual([])
    await ledger.change()
    await ledger.change()
    const claims = await Promise.all([one.claim(10, NONE), two.claim(10, NONE)])
    const [waiting, more] = claims.flat()
    expect(more).toBeUndefined()
    expect(waiting?.events.map(({ seq }) => seq)).toEqual(
      [1, 2, 3, 4].map((n) => n + (waiting?.ackedSeq ?? 0)),
    )
    const holder = claims[0].length > 0 ? one : two
    // It goes on, and new events do not give the user to another one meanwhile.
    const whole = waiting ?? expect.fail()
    expect(await holder.record(resultOf(whole, { outcome: 'underway' }))).toBe(true)
    await ledger.change()
    expect(await two.claim(10, NONE)).toEqual([])
    expect(await holder.record(resultOf(whole))).toBe(false)
    const [next] = await two.claim(10, NONE)
    expect(next?.events.map(({ seq }) => seq)).toEqual([whole.lastSeq + 1, whole.lastSeq + 2])
  })

  test('marks all that was committed since the last claim, however much it is', async ({
    ledger,
    sql,
    owner,
  }) => {
    await target(sql)
    await ledger.change()
    await owner`
      insert into delivery_feed (wallet_ids, after_seqs, last_seqs, at)
      select wallet_ids, after_seqs, last_seqs, at from delivery_feed, generate_series(1, 2500)`
    expect(await queue(sql).claim(10, NONE)).toHaveLength(1)
    expect(await owner`select from delivery_feed limit 1`).toHaveLength(0)
  })

  test('counts failures, and tries again after the pause', async ({ ledger, sql, owner }) => {
    await target(sql)
    const one = queue(sql)
    await ledger.change()
    const fail = async (retryMs: number) => {
      const [waiting] = await one.claim(10, NONE)
      if (!waiting) return undefined
      const { ackedSeq } = waiting
      const failed = {
        fromSeq: 1,
        toSeq: 1,
        delivered: false,
        status: 500,
        error: 'x',
        durationMs: 1,
      }
      await one.record(
        resultOf(waiting, { ackedSeq, outcome: 'failed', retryMs, attempts: [failed] }),
      )
      return waiting.attempts
    }
    expect([await fail(0), await fail(0), await fail(3_600_000)]).toEqual([0, 1, 2])
    expect(await fail(0)).toBeUndefined()
    await owner.unsafe(`update ${table} set next_attempt_at = now()`)
    const [waiting] = await one.claim(10, NONE)
    expect(waiting).toMatchObject({ attempts: 3, failingMs: expect.any(Number) })
    expect(await one.record(resultOf(waiting ?? expect.fail()))).toBe(false)
    await ledger.change()
    expect(await one.claim(10, NONE)).toMatchObject([{ attempts: 0, failingMs: 0 }])
  })

  test('takes nothing more from a process that has lost its claim', async ({
    ledger,
    sql,
    owner,
  }) => {
    await target(sql)
    const [one, two] = [queue(sql), queue(sql)]
    await ledger.change()
    const [lost] = await one.claim(10, NONE)
    // Expired; and, later, of a clock that was wrong.
    for (const until of ['1 second ago', '1 year']) {
      await owner.unsafe(`update ${table} set claimed_until = now() + interval '${until}'`)
      const [taken] = await two.claim(10, NONE)
      expect(taken).toMatchObject({ ackedSeq: lost?.ackedSeq })
    }
    expect(await one.record(resultOf(lost ?? expect.fail(), { outcome: 'underway' }))).toBe(false)
    await owner.unsafe(`update ${table} set claimed_until = null`)
    expect(await one.claim(10, NONE)).toMatchObject([{ ackedSeq: lost?.ackedSeq }])
  })

  test('leaves a receiver alone that has as many under way as it may have', async ({
    ledger,
    sql,
  }) => {
    await target(sql)
    const one = queue(sql)
    await ledger.change()
    const [waiting] = await one.claim(10, NONE)
    const { ackedSeq, receiver } = waiting ?? expect.fail()
    const result = resultOf(waiting ?? expect.fail(), { ackedSeq, outcome: 'failed', retryMs: 0 })
    await one.record(result)
    expect(await one.claim(10, new Map([[receiver, 100]]))).toEqual([])
    expect(await one.claim(0, NONE)).toEqual([])
    expect(await one.claim(10, new Map([['another', 100]]))).toHaveLength(1)
  })

  test('leaves the last places to receivers that have nothing under way', async ({
    ledger,
    sql,
  }) => {
    await target(sql)
    const one = queue(sql)
    await ledger.change()
    const [waiting] = await one.claim(10, NONE)
    const { ackedSeq, receiver } = waiting ?? expect.fail()
    await one.record(
      resultOf(waiting ?? expect.fail(), { ackedSeq, outcome: 'failed', retryMs: 0 }),
    )
    const slow = ['another', places - 2] as const
    expect(await one.claim(1, new Map([slow, [receiver, 1]]))).toEqual([])
    expect(await one.claim(1, new Map([slow]))).toHaveLength(1)
  })

  test('waits while the tenant is suspended, loses nothing, and counts no failure for it', async ({
    ledger,
    sql,
    owner,
  }) => {
    await target(sql)
    const one = queue(sql)
    const tenants = new TenantStore(sql)
    await ledger.change()
    const [before] = await one.claim(10, NONE)
    const { ackedSeq } = before ?? expect.fail()
    const failed = resultOf(before ?? expect.fail(), { ackedSeq, outcome: 'failed', retryMs: 0 })
    await one.record(failed)
    await tenants.suspend('default', null, 'opal')
    try {
      await ledger.change()
      expect(await one.claim(10, NONE)).toEqual([])
      // For longer than a webhook is tried.
      if (table === 'webhook_cursors') {
        await owner`
          update webhook_cursors set failing_since = failing_since - interval '4 days',
            waiting_since = waiting_since - interval '4 days'`
      }
    } finally {
      await tenants.resume('default')
    }
    const [after] = await one.claim(10, NONE)
    expect(after?.events.map(({ seq }) => seq - ackedSeq)).toEqual([1, 2, 3, 4])
    expect(after?.failingMs).toBeLessThan(3_600_000)
  })

  test('gives up a claim on a tenant that is suspended meanwhile', async ({ ledger, sql }) => {
    await target(sql)
    const one = queue(sql)
    const tenants = new TenantStore(sql)
    await ledger.change()
    const [claimed] = await one.claim(10, NONE)
    await tenants.suspend('default', null, 'opal')
    try {
      const { ackedSeq } = claimed ?? expect.fail()
      const underway = resultOf(claimed ?? expect.fail(), { ackedSeq, outcome: 'underway' })
      // False: it is to stop.
      expect(await one.record(underway)).toBe(table !== 'webhook_cursors')
    } finally {
      await tenants.resume('default')
    }
  })

  test('sends no more to a target that wants nothing more', async ({ ledger, sql }) => {
    await target(sql)
    const one = queue(sql)
    await ledger.change()
    const [waiting] = await one.claim(10, NONE)
    const { targetId, ackedSeq } = waiting ?? expect.fail()
    await one.retire(targetId)
    await one.record(
      resultOf(waiting ?? expect.fail(), { ackedSeq, outcome: 'failed', retryMs: 0 }),
    )
    await ledger.change()
    expect(await one.claim(10, NONE)).toEqual([])
  })
})
