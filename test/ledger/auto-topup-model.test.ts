import fc from 'fast-check'
import { pino } from 'pino'
import { expect } from 'vitest'
import { AutoTopupStore } from '../../src/ledger/auto-topups.ts'
import { ProviderLedger } from '../../src/ledger/provider-events.ts'
import { AutoTopups } from '../../src/providers/auto-topup.ts'
import type { PaymentProvider } from '../../src/providers/provider.ts'
import { AutoTopupModel, type ModelRule, type Mood } from '../support/ledger/model-auto-topup.ts'
import { type Sample, test } from '../support/ledger/sample.ts'

/** One after another: a round looks at all users. */
const RUNS = Number(process.env.LEDGER_RUNS ?? 1_000)
const PERIOD_SECONDS = 3_600
const userId = 'payer'

const rule = fc
  .record({ threshold: fc.bigInt(1n, 40n), amount: fc.bigInt(1n, 30n), more: fc.bigInt(0n, 60n) })
  .map(({ more, ...rest }) => ({ ...rest, cap: rest.amount + more }))

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      round: fc.constantFrom<Mood>('accepts', 'accepts', 'declines', 'silent'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ nth: fc.nat(3), isPaid: fc.constantFrom(true, true, false) }),
  },
  { weight: 3, arbitrary: fc.record({ spent: fc.bigInt(1n, 40n) }) },
  { weight: 2, arbitrary: fc.record({ rule }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...(['save method', 'delete method', 'delete rule'] as const),
      ...(['freeze', 'unfreeze', 'half a day passes'] as const),
    ),
  },
)
const story = fc.record({
  first: rule,
  steps: fc.array(step, { minLength: 1, maxLength: 14, size: 'max' }),
})

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

let worlds = 0

/** A user with a saved method, beside them the model of what becomes of them. */
class Payer {
  readonly #ledger: Sample
  readonly #providers: ProviderLedger
  readonly #store: AutoTopupStore
  readonly #model = new AutoTopupModel()
  readonly #who = { tenant: `auto-${worlds++}`, userId }
  readonly #charged: string[] = []
  readonly #server: AutoTopups
  #topups: string[] = []
  #events = 0
  #mood: Mood = 'accepts'

  constructor(ledger: Sample) {
    this.#ledger = ledger
    this.#providers = new ProviderLedger(ledger.sql)
    this.#store = new AutoTopupStore(ledger.sql)
    const provider: PaymentProvider = {
      name: 'test',
      verify: async () => undefined,
      translate: () => undefined,
      charge: async ({ id }) => {
        this.#charged.push(id)
        if (this.#mood === 'silent') throw new Error('no answer')
        return this.#mood === 'accepts'
          ? { status: 'accepted', paymentId: `pay ${id}` }
          : { status: 'declined', reason: 'card_declined' }
      },
    }
    const log = pino({ level: 'silent' })
    this.#server = new AutoTopups({
      ...{ store: this.#store, providers: [provider] },
      ...{ log, retryAfterMs: 0 },
    })
  }

  async live(step: Step): Promise<void> {
    const model = this.#model
    if (typeof step === 'string') {
      await this.#change(step)
    } else if ('round' in step) {
      this.#mood = step.round
      model.round(step.round)
      await this.#server.round().catch(() => {})
    } else if ('rule' in step) {
      await this.put(step.rule)
    } else if ('spent' in step) {
      const command = { op: 'payment', ...this.#who, amount: step.spent } as const
      const { ok } = await this.#ledger.run(command)
      expect(ok).toBe(step.spent <= model.balance)
      if (ok) model.balance -= step.spent
    } else {
      await this.#report(step.nth, step.isPaid)
    }
    await this.#compare()
  }

  async save(): Promise<void> {
    const method = { provider: 'test', customer: 'cus_1', paymentMethod: 'pm_1' }
    await this.#store.saveMethod(this.#who, method, 'ada')
    this.#model.hasMethod = true
  }

  async put(rule: ModelRule): Promise<void> {
    const asked = { ...rule, currency: 'USD', periodSeconds: PERIOD_SECONDS }
    const put = await this.#store.put(this.#who, asked)
    expect(put !== undefined).toBe(this.#model.put(rule))
  }

  /** So that the rounds of the next story have nothing to do here. */
  async leave(): Promise<void> {
    await this.#change('delete method')
    await this.#server.round().catch(() => {})
  }

  async #change(what: Extract<Step, string>): Promise<void> {
    const { tenant } = this.#who
    if (what === 'save method') {
      await this.save()
    } else if (what === 'delete method') {
      await this.#store.removeMethod(this.#who)
      this.#model.deleteMethod()
    } else if (what === 'delete rule') {
      await this.#store.remove(this.#who, 'USD')
      this.#model.rule = undefined
    } else if (what === 'half a day passes') {
      await this.#ledger.owner`
        update auto_topup_runs set opened_at = opened_at - interval '13 hours' where tenant = ${tenant}`
      this.#model.pass()
    } else {
      this.#model.isFrozen = what === 'freeze'
      const frozen = { debits: false, credits: this.#model.isFrozen }
      await this.#ledger.freezes.set(this.#who, { ...frozen, reason: 'a test', by: 'ada' })
    }
  }

  async #report(nth: number, isPaid: boolean): Promise<void> {
    const run = this.#model.runs[nth]
    const id = this.#topups[nth]
    if (!run || id === undefined) return
    this.#model.report(nth, isPaid)
    const { tenant } = this.#who
    await this.#providers.record({
      ...{ provider: 'test', eventId: `${tenant} ${this.#events++}`, paymentId: `pay ${id}` },
      ...{ topup: { tenant, id }, amount: run.amount, currency: 'USD' },
      kind: isPaid ? 'succeeded' : 'attempt_failed',
    })
  }

  async #compare(): Promise<void> {
    const [row] = await this.#ledger.owner<{ topups: [string, string][] | null; found: unknown }[]>`
      select
        (select json_agg(json_build_array(id, status) order by id) from transactions
          where tenant = of.tenant and type = 'topup') as topups,
        json_build_object(
          'balance', (select coalesce(sum(balance), 0) from balance_snapshots where tenant = of.tenant),
          'rule', (select r.status from auto_topups r where r.wallet_id = wallet_of(of.tenant, ${userId})),
          'underWay', (select count(*) from auto_topup_runs
            where tenant = of.tenant and ended_at is null)) as found
      from (values (${this.#who.tenant})) as of (tenant)`
    const topups = row?.topups ?? []
    this.#topups = topups.map(([id]) => id)
    const { balance, rule, runs, charges } = this.#model
    expect({
      ...(row?.found as object),
      topups: topups.map(([, status]) => status),
      charges: this.#charged.map((id) => this.#topups.indexOf(id)),
    }).toEqual({
      balance: Number(balance),
      rule: rule?.status ?? null,
      underWay: runs.filter(({ ended }) => !ended).length,
      topups: this.#model.topups,
      charges,
    })
  }
}

test('whatever happens to cards, rules and wallets, auto top-up charges what it should, once', async ({
  ledger,
}) => {
  await fc.assert(
    fc.asyncProperty(story, async ({ first, steps }) => {
      const payer = new Payer(ledger)
      try {
        await payer.save()
        await payer.put(first)
        for (const step of steps) await payer.live(step)
      } finally {
        await payer.leave()
      }
    }),
    { numRuns: RUNS },
  )
})
