import { expect } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { LimitsAndAlerts } from '../../src/ledger/limits-and-alerts.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { type Sample, tenant, test, USD } from '../support/ledger/sample.ts'

const limit = (ledger: Sample, userId: string, maxAmount: bigint | null, maxSum: bigint | null) =>
  ledger.limitsAndAlerts.putLimit({
    ...{ tenant, userId, type: 'booking_payment', currency: USD, maxAmount, maxSum },
    windowSeconds: maxSum === null ? null : 60,
  })

test('a payment above the largest single amount is refused, and moves nothing', async ({
  ledger,
}) => {
  await ledger.fund('ann', 1_000n)
  await limit(ledger, 'ann', 100n, null)
  expect(await ledger.run({ op: 'payment', userId: 'ann', amount: 101n })).toMatchObject({
    code: 'limit_exceeded',
    details: { limit: 'amount', maximum: 100n },
  })
  expect(await ledger.run({ op: 'payment', userId: 'ann', amount: 100n })).toMatchObject({
    ok: true,
  })
  expect(await ledger.stateOf('ann')).toEqual({ balance: 900n, held: 0n })
})

test('what was spent leaves the window with time', async ({ ledger }) => {
  await ledger.fund('bob', 1_000n)
  await limit(ledger, 'bob', null, 100n)
  await ledger.accepted({ op: 'payment', userId: 'bob', amount: 100n })
  expect(await ledger.run({ op: 'payment', userId: 'bob', amount: 1n })).toMatchObject({
    code: 'limit_exceeded',
    details: { limit: 'sum', maximum: 0n, windowSeconds: 60 },
  })
  // Ids are by time: an older id is an older payment.
  await ledger.owner`
    update transactions set id = uuid_at(created_at - interval '61 s')
    where user_id = 'bob' and type = 'booking_payment'`
  expect(await ledger.run({ op: 'payment', userId: 'bob', amount: 1n })).toMatchObject({ ok: true })
})

test('the sum holds against commands that come at once, from several processes', async ({
  ledger,
}) => {
  await ledger.fund('cid', 10_000n)
  await limit(ledger, 'cid', null, 500n)
  const executors = Array.from({ length: 3 }, () => new Executor(ledger.sql))
  const outcomes = await Promise.all(
    Array.from({ length: 90 }, (_, i) =>
      executors[i % 3]?.execute({
        ...{ op: 'payment', tenant, actor: 'cid', userId: 'cid', currency: USD, amount: 10n },
      }),
    ),
  )
  expect(outcomes.filter((one) => one?.ok)).toHaveLength(50)
  expect(await ledger.stateOf('cid')).toEqual({ balance: 9_500n, held: 0n })
})

test('a limit holds that is put while the last monitor goes, in whichever order they commit', async ({
  ledger,
}) => {
  const monitor = { tenant, currency: USD, threshold: 1n, direction: 'below' } as const
  const lateLimit = (put: LimitsAndAlerts) =>
    put.putLimit({
      ...{ tenant, userId: 'flo', type: 'booking_payment', currency: USD },
      ...{ maxAmount: 1n, maxSum: null, windowSeconds: null },
    })
  await ledger.fund('flo', 100n)
  await ledger.limitsAndAlerts.putMonitor({ ...monitor, userId: 'flo' })
  let going: Promise<number> | undefined
  await ledger.sql.begin(async (tx) => {
    await lateLimit(new LimitsAndAlerts(tx as unknown as Sql))
    going = ledger.limitsAndAlerts.deleteMonitors({ tenant, userId: 'flo' })
    await ledger.somebodyWaits()
  })
  expect(await going).toBe(1)
  expect(await ledger.run({ op: 'payment', userId: 'flo', amount: 2n })).toMatchObject({
    code: 'limit_exceeded',
  })
})

test('a monitor that is put again while it is deleted: one waits for the other, not both', async ({
  ledger,
}) => {
  const monitor = { tenant, userId: 'han', currency: USD, threshold: 1n } as const
  await ledger.limitsAndAlerts.putMonitor({ ...monitor, direction: 'below' })
  let deleting: Promise<number> | undefined
  const kept = await ledger.owner.begin(async (tx) => {
    await tx`select from wallets where user_id = 'han' for update`
    deleting = ledger.limitsAndAlerts.deleteMonitors({ tenant, userId: 'han' })
    await ledger.somebodyWaits()
    return new LimitsAndAlerts(tx as unknown as Sql).putMonitor({
      ...monitor,
      direction: 'below',
    })
  })
  expect(kept).toMatchObject(monitor)
  expect(await deleting).toBe(1)
  expect(await ledger.limitsAndAlerts.monitors({ tenant, userId: 'han' })).toEqual([])
})

test('limits and monitors that come and go beside payments wait for each other, and never for ever', async ({
  ledger,
}) => {
  await ledger.fund('gil', 10_000n)
  const monitor = { tenant, userId: 'gil', currency: USD, direction: 'below' } as const
  const settled = await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => [
      limit(ledger, 'gil', BigInt(i + 1), null),
      ledger.limitsAndAlerts.putMonitor({ ...monitor, threshold: BigInt(i + 1) }),
      ledger.run({ op: 'payment', userId: 'gil', amount: 1n }),
      ledger.limitsAndAlerts.deleteLimit({ tenant, userId: 'gil' }, 'booking_payment', USD),
      ledger.limitsAndAlerts.deleteMonitors({ tenant, userId: 'gil' }),
    ]).flat(),
  )
  expect(settled.filter(({ status }) => status === 'rejected')).toEqual([])
  await limit(ledger, 'gil', 1n, null)
  expect(await ledger.run({ op: 'payment', userId: 'gil', amount: 2n })).toMatchObject({
    code: 'limit_exceeded',
  })
})

test("a tenant's limit says as much of its user as their own does", async ({ ledger }) => {
  const limited = { tenant: 'limited', userId: 'ivy' }
  await ledger.accepted({ op: 'adjustment', actor: 'admin', ...limited, amount: 1n })
  const limitOf = async () => {
    const [row] = await ledger.owner`
      select to_jsonb(limit_of(wallet_of('limited', 'ivy'), 'booking_payment', 'USD')) as of`
    return { ...row?.of, updated_at: typeof row?.of.updated_at }
  }
  await ledger.owner`
    insert into tenants (tenant, name, created_by, version, settings) values ('limited', 'limited', 'admin', 0,
      '{"limits": [{"type": "booking_payment", "currency": "USD", "maxAmount": 9, "maxSum": 20, "windowSeconds": 60}]}')`
  const theirs = await limitOf()
  await ledger.limitsAndAlerts.putLimit({
    ...{ ...limited, type: 'booking_payment', currency: USD },
    ...{ maxAmount: 9n, maxSum: 20n, windowSeconds: 60 },
  })
  expect(theirs).toEqual(await limitOf())
})

test('a monitor tells once per crossing, not once per change', async ({ ledger }) => {
  await ledger.limitsAndAlerts.putMonitor({
    ...{ tenant, userId: 'dee', currency: USD, threshold: 100n, direction: 'below' },
  })
  for (const amount of [500n, -350n, -100n, -10n, 200n, -300n + 61n])
    await ledger.accepted({ op: 'adjustment', actor: 'admin', userId: 'dee', amount })
  const alerts = (await ledger.eventsOf('dee')).filter(([, event]) => event === 'balance_alert')
  expect(alerts.map(([, , balance]) => balance)).toEqual([50n, 1n])
})

test('a threshold is crossed by leaving it, and not by reaching it', async ({ ledger }) => {
  const monitor = { tenant, userId: 'eli', currency: USD, threshold: 100n }
  await ledger.limitsAndAlerts.putMonitor({ ...monitor, direction: 'below' })
  await ledger.limitsAndAlerts.putMonitor({ ...monitor, direction: 'above' })
  // Reached from below, left upwards; reached from above, left downwards.
  for (const amount of [100n, 1n, -1n, -1n])
    await ledger.accepted({ op: 'adjustment', actor: 'admin', userId: 'eli', amount })
  const alerts = (await ledger.eventsOf('eli')).filter(([, event]) => event === 'balance_alert')
  expect(alerts.map(([, , balance]) => balance)).toEqual([101n, 99n])
})
