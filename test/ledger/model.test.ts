import fc from 'fast-check'
import { expect } from 'vitest'
import type { Command, RefusalCode } from '../../src/ledger/command.ts'
import { type Sample, test } from '../support/ledger/sample.ts'
import { name, type Step, steps, told, World } from '../support/ledger/world.ts'

const RUNS = Number(process.env.LEDGER_RUNS ?? 1_000)
/** Groups run side by side in one database: each world has tenants of its own. */
const GROUPS = 4

let worlds = 0
const met = new Set<string>()

/** Does a step in the ledger and in the model, and compares what they say. */
async function live(ledger: Sample, world: World, step: Step): Promise<void> {
  const [tenant] = world.tenants
  if (step.kind === 'commands') {
    const commands = step.drafts.flatMap((draft) => world.command(draft) ?? [])
    await both(ledger, world, commands)
  } else if (step.kind === 'time passes') {
    const hold = world.hold(step.nth)
    if (!hold?.id) return
    hold.due = true
    await ledger.owner`update transactions set expires_at = created_at where id = ${hold.id}`
  } else if (step.kind === 'limit') {
    const { maxAmount, maxSum, type } = step
    const userId = name(step.user)
    world.model.wallet(tenant, userId).limits.set(`${type} USD`, { maxAmount, maxSum })
    const bounds = { currency: 'USD', maxAmount, maxSum, windowSeconds: 3_600 }
    await ledger.limitsAndAlerts.putLimit({ tenant, userId, type, ...bounds })
  } else {
    const monitor = { currency: 'USD', threshold: step.threshold, direction: step.direction }
    const userId = name(step.user)
    const { monitors } = world.model.wallet(tenant, userId)
    if (monitors.some((one) => thresholdOf(one) === thresholdOf(monitor))) return
    monitors.push(monitor)
    await ledger.limitsAndAlerts.putMonitor({ tenant, userId, ...monitor })
  }
}

const thresholdOf = (monitor: { threshold: bigint; direction: string }) =>
  `${monitor.threshold} ${monitor.direction}`

async function both(ledger: Sample, world: World, commands: Command[]): Promise<void> {
  const expected = world.answers(commands)
  const outcomes = await Promise.all(commands.map((command) => ledger.executor.execute(command)))
  expect(outcomes.map(told)).toEqual(expected.map(told))
  outcomes.forEach((outcome, i) => {
    if (!outcome.ok) met.add(outcome.code)
    const answer = expected[i]
    if (outcome.ok && answer?.ok && !answer.replayed) answer.transaction.id = outcome.transaction.id
  })
}

/** Prepared while the tables are all but empty, and yet to be read by index later. */
function holdings(ledger: Sample, { tenants }: World) {
  return ledger.owner.begin(async (tx) => {
    await tx`set local enable_seqscan = off`
    const [row] = await tx<{ balances: string[]; events: string[]; transactions: string[] }[]>`
      select to_json(array(
          select concat_ws(' ', tenant, user_id, currency, balance, held) from balance_snapshots
          where tenant in ${tx(tenants)} and (balance, held) <> (0, 0)
        )) as balances,
        to_json(array(
          select concat_ws(' ', w.tenant, w.user_id, e.seq, e.event, e.currency, e.new_balance,
            e.status, e.amount, e.details -> 'requiredAmount', e.details -> 'available',
            e.details -> 'threshold')
          from wallets w join events e on e.wallet_id = w.id where w.tenant in ${tx(tenants)}
        )) as events,
        to_json(array(
          select concat_ws(' ', tenant, user_id, type, amount, currency, status, processed_by,
            previous_balance, new_balance, refunded)
          from transactions where tenant in ${tx(tenants)}
        )) as transactions`
    return row
  })
}

/** Everything that the ledger holds of a world's tenants, and what the model says of it. */
async function compare(ledger: Sample, world: World): Promise<void> {
  const row = await holdings(ledger, world)
  const balances: string[] = []
  const events: string[] = []
  for (const [who, wallet] of world.model.wallets) {
    for (const [currency, { balance, held }] of wallet.accounts) {
      expect(balance >= held && held >= 0n, 'nothing is negative').toBe(true)
      if (balance !== 0n || held !== 0n) balances.push([who, currency, balance, held].join(' '))
    }
    for (const e of wallet.events) {
      events.push(
        spaced(
          ...[who, e.seq, e.event, e.currency, e.newBalance, e.status, e.amount],
          ...[e.requiredAmount, e.available, e.threshold],
        ),
      )
    }
  }
  const transactions = world.model.transactions.map((t) =>
    spaced(
      ...[t.tenant, t.userId, t.type, t.amount, t.currency, t.status, t.processedBy],
      ...[t.previousBalance, t.newBalance, t.refunded],
    ),
  )
  expect(row?.balances.sort()).toEqual(balances.sort())
  expect(row?.events.sort()).toEqual(events.sort())
  expect(row?.transactions.sort()).toEqual(transactions.sort())
}

const spaced = (...parts: unknown[]) =>
  parts.filter((part) => part !== null && part !== undefined).join(' ')

/** Balance = credits − debits, held = open holds, seq and versions without a hole, the hash chain: as audit() proves them. */
async function audit(ledger: Sample, world: World): Promise<void> {
  for (const tenant of world.tenants) {
    const [step] = await ledger.sql<{ discrepancies: unknown; unbalanced: number }[]>`
      select a.discrepancies, (select count(*)::int from json_to_recordset(a.ledger)
        as l (debits text, credits text) where debits <> credits) as unbalanced
      from audit_wallets(${tenant}, 0, 1000) a`
    expect(step).toEqual({ discrepancies: null, unbalanced: 0 })
  }
}

test.for(Array.from({ length: GROUPS }, (_, group) => group))(
  'whatever is asked for, in whatever order and batches, the ledger does what a plain model does (part %i)',
  { concurrent: true, timeout: 240_000 },
  async (_, { ledger }) => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const world = new World(`w${worlds++}`)
        for (const step of taken) await live(ledger, world, step)
        await compare(ledger, world)
        await audit(ledger, world)
      }),
      { numRuns: Math.ceil(RUNS / GROUPS) },
    )
  },
)

test('the random worlds meet every refusal that there is', () => {
  expect([...met].sort()).toEqual([...REFUSALS].sort())
})

const REFUSALS: RefusalCode[] = [
  ...(['invalid_amount', 'invalid_command', 'unknown_currency', 'unknown_user'] as const),
  ...(['currency_mismatch', 'insufficient_funds', 'balance_limit_exceeded'] as const),
  ...(['not_found', 'wrong_type', 'already_processed', 'self_approval', 'self_transfer'] as const),
  ...(['not_refundable', 'refund_exceeds_payment', 'capture_exceeds_hold'] as const),
  ...(['hold_expired', 'not_your_hold', 'limit_exceeded', 'idempotency_key_reused'] as const),
]
