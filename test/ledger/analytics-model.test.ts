import fc from 'fast-check'
import { expect } from 'vitest'
import type { Command } from '../../src/ledger/command.ts'
import {
  cohortsOf,
  type Fact,
  factsOf,
  firstOf,
  moversOf,
  rolledUp,
  type SeriesRow,
  toldRow,
} from '../support/ledger/rollup-model.ts'
import { type Sample, test } from '../support/ledger/sample.ts'
import { type Step, steps, World } from '../support/ledger/world.ts'

const RUNS = Number(process.env.ANALYTICS_RUNS ?? 200)

/** Zones of whole, half and quarter hours, whose clocks change at 2, at midnight, and by half an hour. */
const ZONES = [
  ...['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kolkata', 'Asia/Kathmandu'],
  ...['Australia/Lord_Howe', 'America/Santiago', 'America/Havana'],
]

/** Moments at which the clocks of one of them change. */
const MOMENTS = [
  ...['2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z', '2026-04-04T15:00:00Z'],
  ...['2026-10-03T15:30:00Z', '2026-09-06T04:00:00Z', '2026-11-01T05:00:00Z'],
].map((text) => Date.parse(text))

type Regular = 'gift' | 'topup' | 'hold' | 'extend' | 'capture'

type Deed =
  | { kind: 'ledger'; step: Step }
  /** One user, often: what they did is close together, in any order of time. */
  | { kind: 'regular'; minutes: number; what: Regular; rolled: boolean }
  /** Minutes from the moment that the history is about. */
  | { kind: 'clock'; minutes: number; micros: number }
  | { kind: 'published'; most: number }
  | { kind: 'rolled up'; rows: number }
  /** A rebuild begins, does a step, or ends. */
  | { kind: 'rebuild'; part: 'begin' | 'step' | 'finish'; size: number }
  /** A transaction of another session that commits some deeds later. */
  | { kind: 'late'; amount: number; commits: boolean }
  | { kind: 'late ends' }

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 8,
    arbitrary: steps.map((some) => ({
      kind: 'ledger' as const,
      step: some[0] as Step,
    })),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('regular' as const),
      minutes: fc.integer({ min: -130, max: 130 }).map((quarters) => quarters * 15),
      what: fc.constantFrom<Regular>('gift', 'topup', 'topup', 'hold', 'extend', 'capture'),
      rolled: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      minutes: fc.oneof(fc.integer({ min: -2_000, max: 2_000 }), fc.constantFrom(-30, 0, 30, 60)),
      micros: fc.constantFrom(0, 0, 1, -1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('published' as const),
      most: fc.constantFrom(1, 3, 99),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('rolled up' as const),
      rows: fc.constantFrom(1, 2, 99),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('rebuild' as const),
      part: fc.constantFrom('begin' as const, 'step' as const, 'finish' as const),
      size: fc.constantFrom(1, 2, 50),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('late' as const),
      amount: fc.integer({ min: 1, max: 500 }),
      commits: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'late ends' as const }) },
)

const histories = fc.record({
  moment: fc.constantFrom(...MOMENTS),
  deeds: fc.array(deed, { minLength: 4, maxLength: 24 }),
  zones: fc.uniqueArray(fc.constantFrom(...ZONES), { minLength: 2, maxLength: 2 }),
})

/** One world, its clock, a rebuild under way, and a transaction of another session. */
class History {
  readonly #ledger: Sample
  readonly world: World
  readonly #moment: number
  #build: { id: string; after: string | null } | undefined
  #late: { end(): Promise<void> } | undefined
  #hold: string | undefined

  constructor(ledger: Sample, world: World, moment: number) {
    this.#ledger = ledger
    this.world = world
    this.#moment = moment
  }

  async live(deed: Deed): Promise<void> {
    const { owner, sql } = this.#ledger
    switch (deed.kind) {
      case 'ledger':
        return this.#step(deed.step)
      case 'regular':
        return this.#regular(deed)
      case 'clock':
        return this.#setClock(deed.minutes, deed.micros)
      case 'published': {
        const ids = (
          await owner<{ id: string }[]>`
          select id from outbox order by random() limit ${deed.most}`
        ).map(({ id }) => id)
        if (ids.length > 0) await this.#ledger.store.acknowledge(ids)
        return
      }
      case 'rolled up':
        await sql`select analytics_step(${deed.rows})`
        return this.#audit()
      case 'rebuild':
        return this.#rebuild(deed.part, deed.size)
      case 'late':
        return this.#begin(deed.amount, deed.commits)
      case 'late ends':
        return this.endLate()
    }
  }

  async #step(step: Step): Promise<void> {
    if (step.kind === 'commands' || step.kind === 'bulk') {
      const commands = step.drafts.flatMap((draft) => this.world.command(draft) ?? [])
      await this.both(commands)
    } else if (step.kind === 'time passes') {
      const hold = this.world.hold(step.nth)
      if (!hold?.id) return
      hold.due = true
      await this.#ledger
        .owner`update transactions set expires_at = created_at where id = ${hold.id}`
    } else if (step.kind === 'four eyes') {
      const [tenant] = this.world.tenants
      this.world.model.fourEyes.set(tenant, step.amount)
      for (const by of ['eve', 'max']) {
        await this.#ledger.fourEyes.set(tenant, [{ currency: 'USD', amount: step.amount }], by)
      }
    }
  }

  /** The model is only there to know the ids: what the roll-ups should be is read from the tables. */
  async both(commands: Command[]): Promise<void> {
    const answers = this.world.answers(commands)
    const outcomes = await Promise.all(commands.map((one) => this.#ledger.executor.execute(one)))
    for (const [i, outcome] of outcomes.entries()) {
      const answer = answers[i]
      if (outcome.ok && answer?.ok && !answer.replayed) {
        answer.transaction.id = outcome.transaction.id
      }
    }
  }

  async #setClock(minutes: number, micros = 0): Promise<void> {
    const at = new Date(this.#moment + minutes * 60_000).toISOString()
    await this.#ledger
      .owner`update test_clock set at = ${at}::timestamptz + ${micros} * interval '1 microsecond'`
  }

  /** A user that the model does not know. */
  async #regular({ minutes, what, rolled }: Deed & { kind: 'regular' }): Promise<void> {
    const { executor } = this.#ledger
    const [tenant] = this.world.tenants
    const own = { tenant, userId: 'regular', currency: 'USD' } as const
    await this.#setClock(minutes)
    if (what === 'gift') {
      await executor.execute({ ...own, op: 'adjustment', actor: 'admin', amount: 100n })
    } else if (what === 'topup') {
      const asked = { op: 'topup_request', actor: 'regular', amount: 7n } as const
      const topup = await executor.execute({ ...own, ...asked })
      if (topup.ok) {
        const decided = { op: 'topup_process', actor: 'admin', status: 'success' } as const
        await executor.execute({ tenant, ...decided, transactionId: topup.transaction.id })
      }
    } else if (what === 'hold') {
      const asked = { op: 'hold', actor: 'regular', amount: 5n, expiresIn: 86_400 } as const
      const hold = await executor.execute({ ...own, ...asked })
      if (hold.ok) this.#hold = hold.transaction.id
    } else if (this.#hold !== undefined) {
      const op = what === 'extend' ? 'hold_extend' : 'hold_capture'
      await executor.execute({ tenant, op, actor: 'model', transactionId: this.#hold, amount: 3n })
    }
    if (!rolled) return
    await this.live({ kind: 'published', most: 1_000_000 })
    await this.live({ kind: 'rolled up', rows: 99 })
  }

  async #begin(amount: number, commits: boolean): Promise<void> {
    if (this.#late) return
    const session = await this.#ledger.owner.reserve()
    const [tenant] = this.world.tenants
    const commands = [
      { op: 'adjustment', tenant, actor: 'admin', user_id: 'late', currency: 'USD', amount },
      {
        op: 'hold',
        tenant,
        actor: 'late',
        user_id: 'late',
        currency: 'USD',
        amount: 1,
        expires_in: 60,
      },
    ]
    await session`begin`
    await session`select ledger_apply(${JSON.stringify(commands)}::text::json)`
    this.#late = {
      async end() {
        await session.unsafe(commits ? 'commit' : 'rollback')
        session.release()
      },
    }
  }

  async endLate(): Promise<void> {
    await this.#late?.end()
    this.#late = undefined
  }

  async #rebuild(part: 'begin' | 'step' | 'finish', size: number): Promise<void> {
    const { sql } = this.#ledger
    if (part === 'begin') {
      const [row] = await sql<{ id: string }[]>`select analytics_build_begin() as id`
      this.#build = { id: row?.id ?? '', after: '0' }
      return
    }
    const build = this.#build
    if (!build) return
    const step = async () => {
      const [row] = await sql<{ after: string | null }[]>`
        select analytics_build(${build.id}, ${build.after}, ${size}) as after`
      build.after = row?.after ?? null
    }
    if (part === 'step') {
      if (build.after !== null) await step()
      return
    }
    while (build.after !== null) await step()
    await sql`select analytics_build_catch_up(${build.id}, 2)`
    await sql`select analytics_build_finish(${build.id})`
    this.#build = undefined
    await sql`select analytics_tidy(100000)`
    return this.#audit()
  }

  /** Whatever is in the roll-ups now, it is not wrong. */
  async #audit(): Promise<void> {
    const problems = await this.#ledger.owner`
      select r.problem, r.currency, r.at
      from string_to_table(${this.world.tenants.join()}, ',') as tenant, audit_rollups(tenant) as r
      union all
      select problem, null, at from audit_wallet_days(array(
        select account_id from balance_snapshots where tenant in ${this.#ledger.owner(this.world.tenants)}))`
    expect([...problems]).toEqual([])
  }

  async drain(): Promise<void> {
    await this.endLate()
    await this.live({ kind: 'published', most: 1_000_000 })
    const step = async () => {
      const [row] = await this.#ledger.sql<{ taken: number }[]>`select analytics_step(7) as taken`
      return row?.taken ?? 0
    }
    while ((await step()) > 0) {}
    return this.#audit()
  }

  async compare(zones: readonly string[]): Promise<void> {
    const { sql } = this.#ledger
    const from = new Date(this.#moment - 40 * 3_600_000).toISOString()
    const to = new Date(this.#moment + 36 * 3_600_000).toISOString()
    for (const tenant of this.world.tenants) {
      const all = new Map<string, Fact[]>()
      for (const currency of ['USD', 'JPY', 'KWD']) {
        all.set(currency, await factsOf(this.#ledger.owner, tenant, currency))
      }
      await this.#compareLists(tenant, all)
      for (const [currency, facts] of all) {
        if (facts.length === 0) continue
        for (const zone of zones) {
          for (const bucket of zone === zones[0] ? ['day', 'hour'] : ['day']) {
            const [row] = await sql<{ bounds: string[]; rows: SeriesRow[] | null }[]>`
              select to_json(array(
                  select (extract(epoch from at) * 1000000)::bigint::text from unnest(bounds) as at)) as bounds,
                (select json_agg(json_build_object('bucket', s.bucket, 'type', s.type, 'status', s.status,
                  'transactions', s.transactions::text, 'volume', s.volume::text, 'net', s.net::text,
                  'fees', s.fees::text, 'largest', s.largest::text, 'users', s.users::text, 'held', s.held::text,
                  'waited_us', s.waited_us::text, 'waits', s.waits))
                from analytics_series(${tenant}, ${currency}, bounds) as s) as rows
              from analytics_bounds(${from}, ${to}, ${bucket}, ${zone}) as bounds`
            const bounds = (row?.bounds ?? []).map(BigInt)
            expect((row?.rows ?? []).map(toldRow).sort(), `${zone} ${bucket}`).toEqual(
              rolledUp(facts, bounds),
            )
            for (const { at } of facts) {
              const start = bounds.findLast((bound) => bound <= at)
              if (start === undefined || at >= (bounds.at(-1) ?? 0n)) continue
              expect(label(at, zone, bucket)).toBe(label(start, zone, bucket))
            }
          }
        }
      }
    }
  }

  /** Cohorts, movers, and the first and last entries of wallets. */
  async #compareLists(tenant: string, all: ReadonlyMap<string, Fact[]>): Promise<void> {
    const { owner } = this.#ledger
    const facts = [...all.values()].flat()
    const topups = firstOf(facts, 'topup')
    const day = (offset: number) =>
      new Date(this.#moment + offset * 86_400_000).toISOString().slice(0, 10)
    for (const [currency, own] of all) {
      for (const unit of ['month', 'week'] as const) {
        const rows = await owner`
          select cohort::text, size, period::text, users, volume::text from analytics_cohorts(
            ${tenant}, ${currency}, ${unit}, '-infinity'::timestamptz, 'infinity'::timestamptz)`
        const told = rows.map((row) => Object.values(row).join(' '))
        expect(told.sort(), `${unit} ${currency}`).toEqual(cohortsOf(topups, own, unit).sort())
      }
      const rows = await owner`
        select user_id, change::text, volume::text, transactions::text from analytics_movers(
          ${tenant}, ${currency}, ${day(-1)}::text::date, ${day(1)}::text::date, 1, null, null, 1000)`
      const told = rows.map((row) => Object.values(row).join(' '))
      expect(told.sort(), `movers ${currency}`).toEqual(moversOf(own, day(-1), day(1)).sort())
    }
    const wallets = await owner<{ user_id: string; first: string; last: string }[]>`
      select w.user_id, ${owner.unsafe(micros('first_entry_at'))} as first,
        ${owner.unsafe(micros('last_entry_at'))} as last
      from analytics_cursors c join wallets w on w.id = c.wallet_id
      where c.generation = analytics_generation() and c.tenant = ${tenant} and first_entry_at is not null`
    const seen = wallets.map((one) => [one.user_id, one.first, one.last].join(' '))
    const firsts = firstOf(facts, 'any')
    const expected = [...firsts].map(([userId, first]) => {
      const own = facts.filter((fact) => fact.userId === userId && fact.status === 'success')
      return [userId, first, own.reduce((last, { at }) => (at > last ? at : last), first)].join(' ')
    })
    expect(seen.sort()).toEqual(expected.sort())
  }
}

const micros = (column: string) => `(extract(epoch from ${column}) * 1000000)::bigint::text`

const formats = new Map<string, Intl.DateTimeFormat>()

/** The day, or the hour with its distance from UTC, that a clock in the zone shows. */
function label(micros: bigint, zone: string, bucket: string): string {
  const key = `${zone} ${bucket}`
  const format =
    formats.get(key) ??
    new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
      ...(bucket === 'hour' && { hour: '2-digit', hourCycle: 'h23', timeZoneName: 'longOffset' }),
    })
  formats.set(key, format)
  return format.format(Number(micros / 1000n))
}

let worlds = 0

test('whatever happened, in whatever order and at whatever time, the roll-ups are the sum of the entries', {
  timeout: 240_000,
}, async ({ ledger }) => {
  await ledger.owner.unsafe(`
      create table test_clock (at timestamptz);
      insert into test_clock values (now());
      grant select on test_clock to public;
      create or replace function ledger_clock() returns timestamptz language sql volatile
        as 'select at from test_clock';
      -- The feed is often too long, and wallets are found by their seq.
      create or replace function analytics_feed_limit() returns bigint language sql immutable as 'select 2'`)
  await fc.assert(
    fc.asyncProperty(histories, async ({ moment, deeds, zones }) => {
      const world = new World(`a${worlds++}`)
      const history = new History(ledger, world, moment)
      try {
        await history.live({ kind: 'clock', minutes: 0, micros: 0 })
        await history.both(world.gifts)
        for (const deed of deeds) await history.live(deed)
        await history.drain()
        await history.compare(zones)
      } finally {
        await history.endLate()
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
})
