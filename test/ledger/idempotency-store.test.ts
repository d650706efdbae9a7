import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import { type Claim, IdempotencyStore } from '../../src/ledger/idempotency-store.ts'
import { eventually } from '../support/index.ts'
import { test as base, type Sample, tenant, USD } from '../support/ledger/sample.ts'

const test = base
  .extend('idempotency', { scope: 'file' }, ({ sql }) => new IdempotencyStore(sql))
  /** The number of ann's newest event. */
  .extend('seq', { scope: 'file' }, async ({ ledger }) => {
    await ledger.fund('ann', 100n)
    return async () => (await ledger.reader.balance(ann, USD)).seq
  })
const ann = { tenant, userId: 'ann' }

const keyed = (key: string = randomUUID()) => ({ tenant, actor: 'ada', key, asked: 'this' })
const never = () => Promise.reject(new Error('this must not be done'))

/** As if the process that made the claim had not been able to renew it. */
const lapse = (ledger: Sample, { key }: Claim) =>
  ledger.owner`update idempotency_keys set created_at = now() - interval '1 minute' where key = ${key}`

function gate<T>() {
  let pass: (value: T) => void = () => {}
  let fail: (error: Error) => void = () => {}
  const passed = new Promise<T>((resolve, reject) => {
    pass = resolve
    fail = reject
  })
  return { passed, pass, fail }
}

test('the first answer is given again, to the letter, and nothing is done again', async ({
  idempotency,
}) => {
  const request = keyed()
  const text = '{ "b": 1.50, "a": "\\u0000" }'
  expect(await idempotency.run(request, async () => text)).toEqual({
    answer: text,
    replayed: false,
  })
  expect(await idempotency.run(request, never)).toEqual({ answer: text, replayed: true })
  expect(await idempotency.run({ ...request, asked: 'that' }, never)).toBe('reused')
  expect(await idempotency.run({ ...request, actor: 'eve' }, async () => 'hers')).toMatchObject({
    replayed: false,
  })
})

test('of many at once, over several connections, one acts and all get its answer', async ({
  idempotency,
}) => {
  const request = keyed()
  let acts = 0
  const all = await Promise.all(
    Array.from({ length: 20 }, () => idempotency.run(request, async () => `${++acts}`)),
  )
  expect(all).toContainEqual({ answer: '1', replayed: false })
  expect(all.filter((one) => typeof one === 'object' && one.replayed)).toHaveLength(19)
  expect(acts).toBe(1)
})

test('what fails is no answer: the next one acts at once', async ({ idempotency }) => {
  const request = keyed()
  await expect(idempotency.run(request, never)).rejects.toThrow('must not')
  expect(await idempotency.run(request, async () => 'now')).toEqual({
    answer: 'now',
    replayed: false,
  })
})

test('a claim whose process is gone is taken over, one that is at work is not', async ({
  ledger,
}) => {
  const quick = new IdempotencyStore(ledger.sql, { leaseMs: 3_000, waitTimeoutMs: 60_000 })
  const request = keyed()
  // What a process leaves that dies in the middle: a claim, and nobody to renew it.
  const hash = (
    await ledger.sql<{ hash: string }[]>`
    select replace(translate(encode(sha256('this'), 'base64'), '+/', '-_'), '=', '') as hash`
  )[0]
  await ledger.sql`
    select claim_key(
      ${tenant}, 'ada', ${request.key}, ${hash?.hash ?? ''}, ${randomUUID()}, interval '1 s')`
  const impatient = new IdempotencyStore(ledger.sql, { waitTimeoutMs: 0 })
  expect(await impatient.run(request, never)).toBe('busy')
  expect(await quick.run(request, async () => 'taken over')).toMatchObject({ replayed: false })

  const long = keyed()
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const first = quick.run(long, () => finished.then(() => 'at last'))
  const claimedAt = async () =>
    (
      await ledger.sql<{ at: string }[]>`
        select created_at::text as at from idempotency_keys where key = ${long.key}`
    )[0]?.at
  await eventually(async () => expect(await claimedAt()).toBeDefined())
  const begun = await claimedAt()
  const twin = quick.run(long, never)
  // Renewed, so longer than the lease: the twin still waits.
  await eventually(async () => expect(await claimedAt()).not.toBe(begun))
  finish()
  expect([await first, await twin]).toEqual([
    { answer: 'at last', replayed: false },
    { answer: 'at last', replayed: true },
  ])
})

test('a recalculation and its answer stand together: a process that dies after it loses neither', async ({
  ledger,
  idempotency,
  seq,
}) => {
  const request = keyed()
  const before = await seq()
  const recalculate = async (claim: Claim) => {
    await ledger.auditor.recalculate(ann, USD, claim)
    throw new Error('the process ended here')
  }
  await expect(idempotency.run(request, recalculate)).rejects.toThrow('ended here')
  expect(await seq()).toBe(before + 1)
  const retried = await idempotency.run(request, never)
  expect(retried).toMatchObject({ replayed: true })
  expect(JSON.parse((retried as { answer: string }).answer)).toEqual({
    previousBalance: '100',
    newBalance: '100',
    corrected: false,
  })
})

test('a recalculation that lost its key to another does nothing, and gives the other’s answer', async ({
  ledger,
  idempotency,
  seq,
}) => {
  const request = keyed()
  const before = await seq()
  const slow = idempotency.run(request, async (claim) => {
    await lapse(ledger, claim)
    await idempotency.run(request, async () => 'the other was quicker')
    await ledger.auditor.recalculate(ann, USD, claim)
    return 'too late'
  })
  expect(await slow).toEqual({ answer: 'the other was quicker', replayed: true })
  expect(await seq()).toBe(before)
})

describe('a process that stalls for longer than its claim lasts', () => {
  /** One that claimed the key, and whose claim another took over; the other acts until `finish` is called. */
  async function stalled(ledger: Sample, idempotency: IdempotencyStore) {
    const request = keyed()
    const stale = gate<string>()
    const fresh = gate<string>()
    const claims: Claim[] = []
    const first = idempotency.run(request, (claim) => {
      claims.push(claim)
      return stale.passed
    })
    await eventually(() => expect(claims).toHaveLength(1))
    await lapse(ledger, claims[0] as Claim)
    const second = idempotency.run(request, (claim) => {
      claims.push(claim)
      return fresh.passed
    })
    await eventually(() => expect(claims).toHaveLength(2))
    return { request, stale, fresh, first, second, claims: claims as [Claim, Claim] }
  }

  test('gives the answer of who came after it; its own is not kept, and it commits nothing', async ({
    ledger,
    idempotency,
    seq,
  }) => {
    const { request, stale, fresh, first, second, claims } = await stalled(ledger, idempotency)
    const before = await seq()
    await expect(ledger.auditor.recalculate(ann, USD, claims[0])).rejects.toThrow('not claimed')
    expect(await seq()).toBe(before)
    const [kept] = await ledger.sql`
      select keep_answer(${tenant}, 'ada', ${request.key}, ${claims[0].id}, 'stale') as answer`
    expect(kept).toEqual({ answer: null })
    stale.pass('stale')
    fresh.pass('fresh')
    expect(await second).toEqual({ answer: 'fresh', replayed: false })
    expect(await first).toEqual({ answer: 'fresh', replayed: true })
  })

  test('does not give up the claim of who came after it', async ({ ledger, idempotency }) => {
    const { request, stale, fresh, first, second } = await stalled(ledger, idempotency)
    stale.fail(new Error('the stale one failed'))
    await expect(first).rejects.toThrow('the stale one failed')
    const impatient = new IdempotencyStore(ledger.sql, { waitTimeoutMs: 0 })
    expect(await impatient.run(request, never)).toBe('busy')
    fresh.pass('fresh')
    expect(await second).toEqual({ answer: 'fresh', replayed: false })
  })

  test('does not keep the claim of who came after it alive', async ({ ledger, idempotency }) => {
    const { request, stale, fresh, first, second, claims } = await stalled(ledger, idempotency)
    const [stalledClaim, claim] = claims
    await lapse(ledger, claim)
    await ledger.sql`
      select renew_key(${tenant}, 'ada', ${request.key}, ${stalledClaim.id})`
    expect(await idempotency.run(request, async () => 'third')).toEqual({
      answer: 'third',
      replayed: false,
    })
    stale.pass('stale')
    fresh.pass('fresh')
    for (const late of await Promise.all([first, second])) {
      expect(late).toEqual({ answer: 'third', replayed: true })
    }
  })

  test('keeps what it did, and does not do it again, when who came after it gave up', async ({
    ledger,
    idempotency,
  }) => {
    const { request, stale, fresh, first, second, claims } = await stalled(ledger, idempotency)
    fresh.fail(new Error('the other failed'))
    await expect(second).rejects.toThrow('the other failed')
    stale.pass('stale')
    expect(await first).toEqual({ answer: 'stale', replayed: false })
    expect(claims).toHaveLength(2)
    expect(await idempotency.run(request, never)).toEqual({ answer: 'stale', replayed: true })
  })
})

test('a key belongs to the first request, and a command of the ledger can be the first', async ({
  ledger,
  idempotency,
}) => {
  const gift = { op: 'adjustment' as const, actor: 'ada', userId: 'ann', amount: 1n }
  const request = keyed()
  await idempotency.run(request, async () => '1')
  expect(await ledger.run({ ...gift, idempotencyKey: request.key })).toMatchObject({
    code: 'idempotency_key_reused',
  })
  const taken = keyed()
  await ledger.accepted({ ...gift, idempotencyKey: taken.key })
  expect(await idempotency.run(taken, never)).toBe('reused')
})
