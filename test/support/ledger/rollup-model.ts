import type { Sql } from '../../../src/postgres/database.ts'

/** What one transaction is in the roll-ups: opened (`pending`) or decided. Times are microseconds since 1970. */
export interface Fact {
  userId: string
  at: bigint
  type: string
  status: string
  transactions: number
  amount: bigint
  net: bigint
  fees: bigint
  held: bigint
  waited: bigint | undefined
}

/** A row as analytics_series() gives it, all as text. */
export interface SeriesRow {
  bucket: number
  type: string | null
  status: string | null
  transactions: string | null
  volume: string | null
  net: string
  fees: string | null
  largest: string | null
  users: string | null
  held: string
  waited_us: string | null
  waits: number[] | null
}

const BINS = [60, 300, 900, 3_600, 14_400, 86_400, 259_200, 604_800].map(
  (seconds) => BigInt(seconds) * 1_000_000n,
)

interface EntryRow {
  transaction_id: string
  at: string
  delta: string
  fee: string
}

interface TransactionRow {
  id: string
  user_id: string
  type: string
  status: string
  amount: string
  held: string
  created_at: string
  updated_at: string
}

/** Every fact of a tenant and currency, straight from the entries and the transactions. */
export async function factsOf(sql: Sql, tenant: string, currency: string): Promise<Fact[]> {
  const entries = await sql<EntryRow[]>`
    select e.transaction_id, (extract(epoch from e.created_at) * 1000000)::bigint::text as at,
      (e.new_balance - e.previous_balance)::text as delta,
      (case when other.kind like 'fee:%' then e.previous_balance - e.new_balance else 0 end)::text as fee
    from entries e
    join accounts own on own.id = e.account_id and own.tenant = ${tenant} and own.currency = ${currency}
    join accounts other on other.id in (e.debit_account, e.credit_account) and other.id <> own.id`
  const transactions = await sql<TransactionRow[]>`
    select id, user_id, type, status, amount::text, abs(coalesce(held_amount, amount))::text as held,
      (extract(epoch from created_at) * 1000000)::bigint::text as created_at,
      (extract(epoch from updated_at) * 1000000)::bigint::text as updated_at
    from transactions where tenant = ${tenant} and currency = ${currency}`
  const posted = new Map<string, { at: bigint; delta: bigint; fees: bigint }>()
  for (const { transaction_id, at, delta, fee } of entries) {
    const sum = posted.get(transaction_id) ?? { at: BigInt(at), delta: 0n, fees: 0n }
    sum.delta += BigInt(delta)
    sum.fees += BigInt(fee)
    posted.set(transaction_id, sum)
  }
  const facts: Fact[] = []
  for (const t of transactions) {
    const holds = t.type === 'hold' || t.type === 'withdrawal'
    const common = { userId: t.user_id, type: t.type, transactions: 1, fees: 0n }
    const opened = BigInt(t.created_at)
    if (holds) {
      const held = BigInt(t.held)
      facts.push({
        ...{ ...common, at: opened, status: 'pending', amount: held, net: 0n, held },
        waited: undefined,
      })
    }
    if (t.status === 'pending') continue
    const entry = posted.get(t.id)
    if ((t.status === 'success') !== (entry !== undefined)) throw new Error(`${t.id}: no entry`)
    const at = entry?.at ?? BigInt(t.updated_at)
    const isTimed =
      (t.type === 'topup' || t.type === 'withdrawal') &&
      (t.status === 'success' || t.status === 'failed')
    facts.push({
      ...{ ...common, at, status: t.status, net: entry?.delta ?? 0n, fees: entry?.fees ?? 0n },
      amount: magnitude(entry?.delta ?? BigInt(t.amount)),
      held: holds ? -BigInt(t.held) : 0n,
      waited: isTimed ? (at > opened ? at - opened : 0n) : undefined,
    })
  }
  return facts
}

/** The roll-ups between bounds, by adding up every fact. In the order of analytics_series(). */
export function rolledUp(facts: readonly Fact[], bounds: readonly bigint[]): string[] {
  const rows: string[] = []
  for (const [i, from] of bounds.slice(0, -1).entries()) {
    const to = bounds[i + 1] ?? from
    const inside = facts.filter(({ at }) => at >= from && at < to)
    const names = new Set(inside.map(({ type, status }) => `${type} ${status}`))
    for (const name of names) {
      const group = inside.filter(({ type, status }) => `${type} ${status}` === name)
      const waited = group.flatMap((fact) => (fact.waited === undefined ? [] : [fact.waited]))
      rows.push(
        [
          ...[i + 1, name, group.length, sum(group.map(({ amount }) => amount))],
          ...[sum(group.map(({ net }) => net)), sum(group.map(({ fees }) => fees))],
          group.reduce((most, { amount }) => (amount > most ? amount : most), 0n),
          ...[users(group), sum(group.map(({ held }) => held)), sum(waited)],
          waited.length > 0 ? binned(waited).join() : '-',
        ].join(' '),
      )
    }
    const before = facts.filter(({ at }) => at < to)
    rows.push(
      [
        ...[i + 1, 'total', sum(before.map(({ net }) => net))],
        users(inside.filter(({ status }) => status === 'success')),
        sum(before.map(({ held }) => held)),
      ].join(' '),
    )
  }
  return rows.sort()
}

type Unit = 'month' | 'week'

/** When each user first did something in any currency: by what they did, in microseconds since 1970. */
export function firstOf(facts: readonly Fact[], what: 'topup' | 'any'): Map<string, bigint> {
  const firsts = new Map<string, bigint>()
  for (const { userId, type, status, at } of facts) {
    if (status !== 'success' || (what === 'topup' && type !== 'topup')) continue
    const known = firsts.get(userId)
    if (known === undefined || at < known) firsts.set(userId, at)
  }
  return firsts
}

/** Every cohort, as analytics_cohorts() gives them for one currency. */
export function cohortsOf(
  firstTopups: ReadonlyMap<string, bigint>,
  facts: readonly Fact[],
  unit: Unit,
): string[] {
  const members = [...firstTopups].map(([userId, at]) => ({ userId, cohort: startOf(at, unit) }))
  return [...new Set(members.map(({ cohort }) => cohort))].flatMap((cohort) => {
    const of = new Set(members.filter((one) => one.cohort === cohort).map((one) => one.userId))
    const done = facts.filter(
      ({ userId, status, at }) =>
        status === 'success' && of.has(userId) && startOf(at, unit) >= cohort,
    )
    const periods = [...new Set(done.map(({ at }) => startOf(at, unit)))]
    if (periods.length === 0) return [[cohort, of.size, null, 0, 0n].join(' ')]
    return periods.map((period) => {
      const group = done.filter(({ at }) => startOf(at, unit) === period)
      const volume = sum(group.map(({ amount }) => amount))
      return [cohort, of.size, period, users(group), volume].join(' ')
    })
  })
}

/** Every user whose balance changed from one day to before another, as analytics_movers() gives them. */
export function moversOf(facts: readonly Fact[], from: string, to: string): string[] {
  const inside = facts.filter(({ status, at }) => {
    const day = isoOf(at).slice(0, 10)
    return status === 'success' && day >= from && day < to
  })
  return [...new Set(inside.map(({ userId }) => userId))].flatMap((userId) => {
    const own = inside.filter((fact) => fact.userId === userId)
    const change = sum(own.map(({ net }) => net))
    if (change === 0n) return []
    return [userId, change, sum(own.map(({ amount }) => amount)), own.length].join(' ')
  })
}

const isoOf = (at: bigint) => new Date(Number(at / 1000n)).toISOString()

/** The first day of the month or week of UTC. */
function startOf(at: bigint, unit: Unit): string {
  const day = isoOf(at).slice(0, 10)
  if (unit === 'month') return `${day.slice(0, 7)}-01`
  const date = new Date(`${day}T00:00:00Z`)
  date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7))
  return date.toISOString().slice(0, 10)
}

/** The same text of a row of analytics_series(). */
export function toldRow(row: SeriesRow): string {
  if (row.type === null) return [row.bucket, 'total', row.net, row.users, row.held].join(' ')
  return [
    ...[row.bucket, row.type, row.status, row.transactions, row.volume, row.net, row.fees],
    ...[row.largest, row.users, row.held, plain(row.waited_us), row.waits?.join() ?? '-'],
  ].join(' ')
}

/** Without decimals that are zeros. */
const plain = (text: string | null) => text?.replace(/\.0+$/, '')

const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n)

const magnitude = (amount: bigint) => (amount < 0n ? -amount : amount)

const users = (facts: readonly Fact[]) => new Set(facts.map(({ userId }) => userId)).size

function binned(waited: readonly bigint[]): number[] {
  const counts = new Array<number>(BINS.length + 1).fill(0)
  for (const time of waited) {
    const bin = BINS.filter((bound) => time >= bound).length
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return counts
}
