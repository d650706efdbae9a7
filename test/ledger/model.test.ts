import fc from 'fast-check'
import { expect } from 'vitest'
import type { Command, Outcome, RefusalCode } from '../../src/ledger/command.ts'
import { fixed } from '../support/ledger/fixed-world.ts'
import type { Answer } from '../support/ledger/model.ts'
import { type Sample, test } from '../support/ledger/sample.ts'
import { name, OPERATIONS, type Step, steps, told, World } from '../support/ledger/world.ts'

const RUNS = Number(process.env.LEDGER_RUNS ?? 1_000)
/** Groups run side by side in one database: each world has tenants of its own. */
const GROUPS = 4

let worlds = 0

/** Does a step in the ledger and in the model, and compares what they say. */
async function live(ledger: Sample, world: World, step: Step): Promise<void> {
  const [tenant] = world.tenants
  if (step.kind === 'commands') {
    const commands = step.drafts.flatMap((draft) => world.command(draft) ?? [])
    await both(ledger, world, commands)
  } else if (step.kind === 'bulk') {
    await bulk(ledger, world, step)
  } else if (step.kind === 'can afford') {
    const { type, amount } = step
    const userId = name(step.user)
    const query = { type, amount, currency: 'USD' }
    const { freesAt: _, ...said } = await ledger.reader.canAfford({ tenant, userId }, query)
    expect(said).toEqual(world.canAfford(userId, type, amount))
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
  } else if (step.kind === 'freeze') {
    const { debits, credits } = step
    const who = { tenant, userId: name(step.user) }
    const known = await ledger.freezes.set(who, { debits, credits, reason: null, by: 'admin' })
    expect(known).toBe(world.model.wallets.has(`${tenant} ${who.userId}`))
    if (known) world.model.freeze(tenant, who.userId, { debits, credits })
  } else if (step.kind === 'four eyes') {
    const { amount } = step
    world.model.fourEyes.set(tenant, amount)
    // The second admin is there in case that the rule is loosened.
    for (const by of ['eve', 'max']) {
      await ledger.fourEyes.set(tenant, [{ currency: 'USD', amount }], by)
    }
  } else {
    const monitor = { currency: 'USD', threshold: step.threshold, direction: step.direction }
    const userId = name(step.user)
    const { monitors } = world.model.wallet(tenant, userId)
    if (monitors.some((one) => thresholdOf(one) === thresholdOf(monitor))) return
    monitors.push(monitor)
    await ledger.limitsAndAlerts.putMonitor({ tenant, userId, ...monitor })
  }
}

/** One request with several commands. Before it, perhaps, the question what it would do. */
async function bulk(ledger: Sample, world: World, step: Extract<Step, { kind: 'bulk' }>) {
  const commands = step.drafts.flatMap((draft) => {
    const { idempotencyKey: _, ...command } = world.command(draft) ?? {}
    return 'op' in command ? [command as Command] : []
  })
  if (step.previewed) {
    const previewed = await ledger.executor.executeAll(commands, 'preview')
    expect(previewed.map(told)).toEqual(world.preview(commands).map(told))
  }
  const expected = step.atomic ? world.allOrNone(commands) : world.answers(commands)
  const mode = step.atomic ? 'all or none' : 'each'
  check(world, commands, await ledger.executor.executeAll(commands, mode), expected)
}

const thresholdOf = (monitor: { threshold: bigint; direction: string }) =>
  `${monitor.threshold} ${monitor.direction}`

async function both(ledger: Sample, world: World, commands: Command[]): Promise<void> {
  const expected = world.answers(commands)
  const outcomes = await Promise.all(commands.map((command) => ledger.executor.execute(command)))
  check(world, commands, outcomes, expected)
}

/** The answers are those of the model. From now on it knows the ids of the new transactions. */
function check(
  world: World,
  commands: readonly Command[],
  outcomes: readonly Outcome[],
  expected: readonly Answer[],
): void {
  expect(outcomes.map(told)).toEqual(expected.map(told))
  outcomes.forEach((outcome, i) => {
    world.met.add(outcome.ok ? (commands[i]?.op ?? '') : outcome.code)
    const answer = expected[i]
    if (outcome.ok && answer?.ok && !answer.replayed) answer.transaction.id = outcome.transaction.id
  })
}

interface Holdings {
  balances: string[]
  events: string[]
  transactions: string[]
  /** What the audit finds, and the currencies whose debits are not their credits. */
  audited: { discrepancies: unknown; unbalanced: number }[]
}

/** Prepared while the tables are all but empty, and yet to be read by index later. */
async function holdings(ledger: Sample, { tenants }: World): Promise<Holdings | undefined> {
  return await ledger.owner.begin(async (tx) => {
    await tx`set local enable_seqscan = off`
    const [row] = await tx<Holdings[]>`
      select to_json(array(
          select concat_ws(' ', tenant, user_id, currency, balance, held) from balance_snapshots
          where tenant in ${tx(tenants)} and (balance, held) <> (0, 0)
        )) as balances,
        to_json(array(
          select concat_ws(' ', w.tenant, w.user_id, e.seq, e.event, e.currency, e.new_balance,
            e.status, e.amount, e.details -> 'requiredAmount', e.details -> 'available',
            e.details -> 'held', e.details -> 'capturedAmount', e.details -> 'remaining', e.details -> 'threshold')
          from wallets w join events e on e.wallet_id = w.id where w.tenant in ${tx(tenants)}
        )) as events,
        to_json(array(
          select concat_ws(' ', tenant, user_id, type, amount, currency, status, processed_by,
            previous_balance, new_balance, refunded, (hold_state).captured,
            (hold_state).exhausted_seq is not null, (hold_state).expiring_seq is not null, metadata ->> 'note')
          from transactions where tenant in ${tx(tenants)}
        )) as transactions,
        (select json_agg(json_build_object('discrepancies', a.discrepancies, 'unbalanced', (
            select count(*) from json_to_recordset(a.ledger) as l (debits text, credits text)
            where debits <> credits)))
          from (values (${tenants[0]}), (${tenants[1]})) as of (tenant), audit_wallets(of.tenant, 0, 1000) as a
        ) as audited`
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
          ...[e.requiredAmount, e.available, e.held, e.capturedAmount, e.remaining, e.threshold],
        ),
      )
    }
  }
  const transactions = world.model.transactions.map((t) =>
    spaced(
      ...[t.tenant, t.userId, t.type, t.amount, t.currency, t.status, t.processedBy],
      ...[t.previousBalance, t.newBalance, t.refunded, t.capturedAmount],
      ...[t.exhausted, t.expiring].map((yes) => (yes ? 't' : 'f')),
      t.metadata?.note,
    ),
  )
  expect(row?.balances.sort()).toEqual(balances.sort())
  expect(row?.events.sort()).toEqual(events.sort())
  expect(row?.transactions.sort()).toEqual(transactions.sort())
  // Balance = credits − debits, held = open holds, seq and versions without a hole, the hash chain.
  expect(row?.audited).toEqual(world.tenants.map(() => ({ discrepancies: null, unbalanced: 0 })))
}

const spaced = (...parts: unknown[]) =>
  parts.filter((part) => part !== null && part !== undefined).join(' ')

/** Lives a world of its own. Returns what it met. */
async function liveAll(ledger: Sample, taken: readonly Step[]): Promise<Set<string>> {
  const world = new World(`w${worlds++}`)
  await both(ledger, world, world.gifts)
  for (const step of taken) await live(ledger, world, step)
  await compare(ledger, world)
  return world.met
}

test('a fixed world meets every operation and every refusal that there is', async ({ ledger }) => {
  const met = await liveAll(ledger, fixed)
  expect([...met].sort()).toEqual([...OPERATIONS, ...Object.keys(REFUSALS)].sort())
})

test.for(Array.from({ length: GROUPS }, (_, group) => group))(
  'whatever is asked for, in whatever order and batches, the ledger does what a plain model does (part %i)',
  { concurrent: true, timeout: 240_000 },
  async (_, { ledger }) => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        await liveAll(ledger, taken)
      }),
      { numRuns: Math.ceil(RUNS / GROUPS) },
    )
  },
)

const REFUSALS: Record<RefusalCode, true> = {
  ...{ invalid_amount: true, invalid_command: true, unknown_currency: true, unknown_user: true },
  ...{ currency_mismatch: true, insufficient_funds: true, balance_limit_exceeded: true },
  ...{ not_found: true, wrong_type: true, already_processed: true, self_approval: true },
  ...{ self_transfer: true, not_refundable: true, refund_exceeds_payment: true },
  ...{ capture_exceeds_hold: true, hold_expired: true, not_your_hold: true },
  ...{ second_admin_required: true, limit_exceeded: true, wallet_frozen: true },
  ...{ invalid_split: true, payee_insufficient_funds: true },
  ...{ idempotency_key_reused: true, bulk_aborted: true },
}
