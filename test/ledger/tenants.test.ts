import { expect } from 'vitest'
import type { Command, Operation } from '../../src/ledger/command.ts'
import { stringifyJson } from '../../src/lib/json.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { CALLS } from '../support/ledger/calls-of-mine.ts'
import { MARK, mine, PROVIDER } from '../support/ledger/tenant-names.ts'
import { type Parts, rowsOfTheirs, test } from '../support/ledger/two-tenants.ts'

/** For all tenants at once, and for nobody's eyes: publishing, caching, pruning, counting, charging. */
const ACROSS = [
  'Deeds.seal',
  'PostgresEventStore.claim',
  'PostgresEventStore.acknowledge',
  'PostgresEventStore.changedWithin',
  'PostgresEventStore.backlog',
  'PostgresRevocations.changesAfter',
  'PostgresRevocations.prune',
  'WebhookEndpoints.totals',
  'PushDevices.totals',
  'Analytics.state',
  'ApiKeyStore.tenantOf',
  'ApiKeyStore.changesAfter',
  'ApiKeyStore.noteUses',
  'ApiKeyStore.prune',
  'ProviderLedger.publish',
  'ProviderLedger.waiting',
  'AutoTopupStore.due',
  'AutoTopupStore.open',
  'AutoTopupStore.unanswered',
  'AutoTopupStore.settled',
]

const methods = Object.entries(CALLS).flatMap(([name, calls]) =>
  Object.entries(calls).map(([method, call]) => [`${name}.${method}`, call] as const),
)

/** With those that its class inherits. */
function methodsOf(prototype: object): string[] {
  if (prototype === Object.prototype) return []
  return [
    ...Object.getOwnPropertyNames(prototype)
      .filter((method) => method !== 'constructor')
      .map((method) => `${prototype.constructor.name}.${method}`),
    ...methodsOf(Object.getPrototypeOf(prototype)),
  ]
}

test('every method that asks the database is here, or works for all tenants at once', ({
  parts,
}) => {
  const { search } = parts
  const { reader, auditor, analytics, limitsAndAlerts, freezes, fourEyes, deeds, events } = parts
  const { idempotency, revocations, endpoints, devices, apiKeys, providerLedger, autoTopups } =
    parts
  const there = [
    ...[reader, auditor, limitsAndAlerts, freezes, fourEyes, deeds, events, idempotency],
    ...[search, revocations],
    ...[endpoints, devices, apiKeys, providerLedger, autoTopups, analytics],
  ].flatMap((part) => methodsOf(Object.getPrototypeOf(part)))
  expect([...methods.map(([name]) => name), ...ACROSS].sort()).toEqual(there.sort())
})

/** Nothing of `theirs` is in what was answered, and nothing of it changed. */
async function staysApart(
  { parts, sql }: { parts: Parts; sql: Sql },
  call: () => Promise<unknown>,
): Promise<void> {
  const before = await rowsOfTheirs(sql)
  const text = stringifyJson(
    JSON.parse(
      JSON.stringify((await call()) ?? null, (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    ),
  )
  for (const secret of [MARK, '"theirs"', '77777777', '88888888', ...parts.secrets]) {
    expect(text).not.toContain(secret)
  }
  expect(await rowsOfTheirs(sql)).toEqual(before)
}

test('there is something of everything to be seen', async ({ sql, parts: _filled }) => {
  const rows = await rowsOfTheirs(sql)
  const empty = Object.keys(rows).filter((table) => rows[table]?.length === 0)
  expect(empty).toEqual([])
})

test.for(methods)('%s stays within its tenant', async ([, call], { parts, sql }) => {
  await staysApart({ parts, sql }, () => call(parts))
})

type Opening =
  | 'topup_request'
  | 'payment'
  | 'transfer'
  | 'withdrawal_request'
  | 'hold'
  | 'adjustment'

const SETTLES: Record<Exclude<Operation, Opening>, Partial<Command>[]> = {
  topup_cancel: [{}],
  topup_process: [{ status: 'success' }, { status: 'failed' }],
  topup_note: [{ metadata: { paymentProblem: 'x' } }],
  withdrawal_process: [{ status: 'success' }, { status: 'failed' }],
  adjustment_process: [{ status: 'success' }, { status: 'failed' }],
  refund_process: [{ status: 'success' }, { status: 'failed' }],
  refund: [{}, { amount: 1n }],
  hold_extend: [{ amount: 1n }, { expiresIn: 86_400 }],
  hold_capture: [{}, { amount: 1n, final: false }, { split: [{ to: 'bob', share: 1 }] }],
  hold_void: [{}],
  hold_expiring: [{ expiresIn: 7200 }],
  hold_expire: [{}],
}

const settling = Object.entries(SETTLES) as [Operation, Partial<Command>[]][]

test.for(settling)(
  'a %s finds no transaction of another tenant',
  async ([op, variants], { parts, sql }) => {
    await staysApart({ parts, sql }, async () => {
      for (const transactionId of parts.transactions) {
        const command = { op, tenant: 'mine', actor: 'ada', transactionId }
        const asked = variants.flatMap((rest) => [rest, { ...rest, userId: 'alice' }])
        const outcomes = await Promise.all(
          asked.map((rest) => parts.executor.execute({ ...command, ...rest })),
        )
        for (const outcome of outcomes) {
          expect(outcome).toMatchObject({ ok: false, code: 'not_found' })
        }
      }
    })
  },
)

const OPENS: Record<Opening, Partial<Command>[]> = {
  topup_request: [{}],
  payment: [
    {},
    {
      amount: 2n,
      split: [
        { to: 'bob', amount: 1n },
        { fee: 'fee', share: 1 },
      ],
    },
  ],
  transfer: [{ toUserId: 'bob' }],
  withdrawal_request: [{}],
  hold: [{ idempotencyKey: 'k', expiresIn: 60 }],
  adjustment: [{}],
}

const opening = Object.entries(OPENS) as [Operation, Partial<Command>[]][]

test.for(opening)(
  'a %s for a namesake moves nothing of the other',
  async ([op, variants], { parts, sql }) => {
    await staysApart({ parts, sql }, async () => {
      const command = { op, ...mine, actor: 'ada', currency: 'USD', amount: 1n }
      const outcomes = await Promise.all(
        variants.map((rest) => parts.executor.execute({ ...command, ...rest })),
      )
      for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: true })
      return outcomes
    })
  },
)

test('the other itself finds what it has by these ids', async ({ parts }) => {
  const { endpoints, endpoint, providerLedger, payments } = parts
  expect(await endpoints.failing('theirs', endpoint)).toHaveLength(2)
  const attempts = await endpoints.attempts('theirs', endpoint, { limit: 100 })
  expect(attempts.items).toHaveLength(2)
  expect(await endpoints.replayAll('theirs', endpoint)).toBe(1)
  expect(await endpoints.replay('theirs', endpoint, 'alice', 0)).toBe(true)
  expect(await endpoints.failing('theirs', endpoint)).toHaveLength(0)
  const [paymentId = ''] = payments.paymentIds
  const [disputeId = ''] = payments.disputes
  const won = { kind: 'dispute_won', eventId: 'won', paymentId, disputeId } as const
  const recorded = await providerLedger.record({ ...won, provider: PROVIDER })
  expect(recorded).toMatchObject({ outcome: 'applied' })
  const { items } = await providerLedger.debts({ tenant: 'theirs', limit: 100 })
  expect(items.map(({ status }) => status)).toEqual(['open', 'cancelled', 'written_off'])
})
