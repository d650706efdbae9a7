import fc from 'fast-check'
import { expect } from 'vitest'
import type { PaymentEvent, TakeBackRules } from '../../src/ledger/provider-event.ts'
import { ProviderLedger } from '../../src/ledger/provider-events.ts'
import { ProviderModel } from '../support/ledger/model-providers.ts'
import { type Sample, test } from '../support/ledger/sample.ts'

const RUNS = Number(process.env.LEDGER_RUNS ?? 1_000)
/** Groups run side by side in one database: each world has a tenant of its own. */
const GROUPS = 4
const AMOUNTS = [50n, 80n] as const
const userId = 'payer'

const usually = <T>(common: T, ...rare: T[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(common) },
    { weight: 1, arbitrary: fc.constantFrom(...rare) },
  )

/** An event of one of two payments for one of two topups. Only some say for which. */
const report = fc.record({
  kind: fc.constantFrom(
    ...(['succeeded', 'failed', 'attempt_failed', 'refund_failed'] as const),
    ...(['refunded', 'refunded', 'refunded'] as const),
    ...(['disputed', 'disputed', 'dispute_won', 'dispute_lost'] as const),
  ),
  topup: fc.constantFrom(0, 0, 0, 0, 1),
  payment: usually(0, 1),
  carriesTopup: usually(true, false),
  /** Of a payment: usually that of the topup. */
  asAsked: usually(true, false),
  amount: fc.oneof(fc.bigInt(1n, 25n), fc.bigInt(0n, 60n)),
  isTotal: fc.boolean(),
  currency: usually('USD', 'JPY'),
  dispute: usually(0, 1),
})

const PAID: Valued<typeof report> = {
  ...{ kind: 'succeeded', topup: 0, payment: 0, carriesTopup: true, asAsked: true, amount: 0n },
  ...{ isTotal: false, currency: 'USD', dispute: 0 },
}

const step = fc.oneof(
  { weight: 20, arbitrary: report },
  { weight: 2, arbitrary: fc.record({ again: fc.nat(9) }) },
  // Negative: given by an admin.
  {
    weight: 5,
    arbitrary: fc.record({ spent: fc.oneof(fc.bigInt(1n, 90n), fc.bigInt(-30n, -1n)) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      action: fc.constantFrom('collect' as const, 'write_off' as const),
      nth: fc.constantFrom(0, 0, 1),
    }),
  },
)

const takeBack = fc.constantFrom('hold' as const, 'adjustment' as const)
const story = fc.record({
  rules: fc.record({ refunds: takeBack, disputes: takeBack }),
  /** Most begin with money, so that there is something to take back. */
  isPaid: fc.constantFrom(true, true, true, false),
  steps: fc.array(step, { minLength: 1, maxLength: 16, size: 'max' }),
})

type Valued<T> = T extends fc.Arbitrary<infer Value> ? Value : never

type Step = Valued<typeof step>

let worlds = 0

/** A user with topups, beside them the model of what becomes of them. */
class Payer {
  readonly #ledger: Sample
  readonly #providers: ProviderLedger
  readonly #model: ProviderModel
  readonly #tenant = `payments-${worlds++}`
  readonly #sent: PaymentEvent[] = []
  #topups: string[] = []

  constructor(ledger: Sample, rules: TakeBackRules) {
    this.#ledger = ledger
    this.#providers = new ProviderLedger(ledger.sql, { rules })
    this.#model = new ProviderModel(rules)
  }

  async ask(): Promise<void> {
    const asked = AMOUNTS.map((amount) =>
      this.#ledger.accepted({ op: 'topup_request', tenant: this.#tenant, userId, amount }),
    )
    this.#topups = (await Promise.all(asked)).map(({ id }) => id)
    AMOUNTS.forEach((amount, i) => {
      this.#model.topups.set(this.#topups[i] ?? '', { amount, status: 'pending' })
    })
  }

  async live(step: Step): Promise<void> {
    const tenant = this.#tenant
    if ('spent' in step) {
      const { spent } = step
      const { ok } = await this.#ledger.run(
        spent > 0n
          ? { op: 'payment', tenant, userId, amount: spent }
          : { op: 'adjustment', tenant, userId, actor: 'admin', amount: -spent },
      )
      expect(ok).toBe(this.#model.spend(spent))
    } else if ('action' in step) {
      const debt = this.#model.debts[step.nth]
      if (!debt) return
      const { items } = await this.#providers.debts({ tenant, limit: 100 })
      const id = items[step.nth]?.id ?? ''
      const settled = await this.#providers.settleDebt(tenant, id, 'admin', step.action)
      expect(settled?.debt.status).toBe(this.#model.settleDebt(debt, step.action))
    } else {
      const event = 'again' in step ? this.#sent[step.again] : this.#event(step)
      if (!event) return
      const repeated = this.#sent.includes(event)
      if (!repeated) this.#sent.push(event)
      const { reason, ...said } = await this.#providers.record(event)
      expect(said, reason ?? '').toEqual({ outcome: this.#model.record(event), repeated })
    }
  }

  #event(step: Valued<typeof report>): PaymentEvent {
    const { kind, topup, currency, isTotal } = step
    const paymentId = `${this.#tenant} ${topup} ${step.payment}`
    const isPayment = kind === 'succeeded' && step.asAsked
    return {
      ...{ provider: 'test', eventId: `${this.#tenant} ${this.#sent.length}`, kind, paymentId },
      ...(step.carriesTopup && { topup: { tenant: this.#tenant, id: this.#topups[topup] ?? '' } }),
      ...{ amount: isPayment ? (AMOUNTS[topup] ?? 0n) : step.amount, currency },
      ...(kind.startsWith('dispute') && { disputeId: `${paymentId} ${step.dispute}` }),
      ...(kind === 'refunded' && { isTotal }),
    }
  }

  /** Everything that the ledger holds of the user, and what the model says of it. */
  async compare(): Promise<void> {
    const [row] = await this.#ledger.owner<{ found: unknown }[]>`
      select json_build_object(
        'account', (select json_build_array(balance, held) from balance_snapshots where tenant = of.tenant),
        'topups', (select json_object_agg(id, status) from transactions
          where tenant = of.tenant and type = 'topup'),
        'events', (select json_object_agg(event_id, outcome) from provider_events
          where starts_with(event_id, of.tenant || ' ')),
        'debts', (select json_agg(json_build_array(amount, collected, status) order by id)
          from debts where tenant = of.tenant),
        'discrepancies', (select discrepancies from audit_wallets(of.tenant, 0, 10))
      ) as found
      from (values (${this.#tenant})) as of (tenant)`
    const { balance, held, topups, outcomes, debts } = this.#model
    expect(row?.found).toEqual({
      account: [Number(balance), Number(held)],
      topups: Object.fromEntries([...topups].map(([id, { status }]) => [id, status])),
      events: outcomes.length === 0 ? null : Object.fromEntries(outcomes),
      debts:
        debts.length === 0
          ? null
          : debts.map((debt) => [Number(debt.amount), Number(debt.collected), debt.status]),
      discrepancies: null,
    })
  }
}

test.for(Array.from({ length: GROUPS }, (_, group) => group))(
  'whatever providers report, repeat and confuse, each payment, refund and dispute counts once (part %i)',
  { concurrent: true },
  async (_, { ledger }) => {
    await fc.assert(
      fc.asyncProperty(story, async ({ rules, isPaid, steps }) => {
        const payer = new Payer(ledger, rules)
        await payer.ask()
        for (const step of isPaid ? [PAID, ...steps] : steps) await payer.live(step)
        await payer.compare()
      }),
      { numRuns: Math.ceil(RUNS / GROUPS) },
    )
  },
)
