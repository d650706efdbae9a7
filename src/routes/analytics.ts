import type { Context } from 'hono'
import * as z from 'zod'
import { type Env, factory } from '../http/context.ts'
import { amountJson, answer, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { type Bucket, type Range, type TypeTotals, WAIT_BOUNDS } from '../ledger/analytics.ts'
import { toDecimal } from '../ledger/money.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'
import { cell, EXPORT_FORMATS } from './export.ts'

/** Buckets in one answer. */
const MOST_BUCKETS = 2_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const format = z
  .enum(['json', 'csv'])
  .exactOptional()
  .meta({ description: 'Default: `csv` if `Accept` names `text/csv`, else `json`.' })

const timeZone = z
  .string()
  .regex(/^[A-Za-z]+(?:[/_+-][A-Za-z0-9]+)*$/, 'must be an IANA time zone, such as Europe/Berlin')
  .refine(isZone, 'must be an IANA time zone, such as Europe/Berlin')
  .default('UTC')
  .meta({ description: 'The IANA time zone whose hours and days are counted.' })

const since2000 = field.instant.refine(
  (time) => time >= '2000',
  'must be in the year 2000 or later',
)

const from = since2000.exactOptional()
const to = since2000.exactOptional().meta({ description: 'Default: now.' })

const rangeFields = {
  from: from.meta({
    description:
      'The first hour or day is the one that holds it. Default: 30 days, or 24 hours, before `to`.',
  }),
  to,
  bucket: z.enum(['hour', 'day']).default('day'),
  timeZone,
  format,
}

const NOT_A_CURSOR = 'must be the nextCursor of a page'
const placed = { description: 'The `nextCursor` of the page before.' }

/** A change and a wallet. */
const moverCursor = z
  .string()
  .regex(/^-?\d{1,30}_\d{1,18}$/, NOT_A_CURSOR)
  .exactOptional()
  .meta(placed)

/** A time and a wallet. */
const walletCursor = z
  .string()
  .regex(/^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z_\d{1,18}$/, NOT_A_CURSOR)
  .refine((text) => !Number.isNaN(Date.parse(text.slice(0, 27))), NOT_A_CURSOR)
  .exactOptional()
  .meta(placed)

/** `/admin/analytics`: the roll-ups of the tenant. */
export function analyticsRoutes({
  currency: defaultCurrency,
  guards,
  analytics,
}: Pick<RouteDeps, 'currency' | 'guards' | 'analytics'>) {
  const currency = field.currencyOr(defaultCurrency)
  /** When the roll-ups were last brought up to date. */
  const built = async (of: { tenant: string }) => {
    const { asOf, isBuilding } = await analytics.state(of)
    if (asOf === null) {
      throw new ApiError(503, 'unavailable', 'The roll-ups are being built.', { retryAfter: 10 })
    }
    return { asOf, rebuilding: isBuilding }
  }

  return factory
    .createApp()
    .get(
      '/',
      guards.requireAdmin,
      query(z.strictObject({ ...rangeFields, currency })),
      async (c) => {
        const { currency, format, ...asked } = c.req.valid('query')
        const range = rangeOf(c, asked)
        const state = await built(c.var.principal)
        const buckets = await analytics.series(range, currency)
        if (isCsv(c, format)) return csv(c, 'analytics', SERIES, seriesRows(buckets, currency))
        const items = buckets.map((bucket) => bucketJson(bucket, currency))
        return answer(c, { ...state, ...ends(range), currency, waitBounds: WAIT_BOUNDS, items })
      },
    )
    .get(
      '/movers',
      guards.requireAdmin,
      query(
        z.strictObject({
          from: from.meta({ description: 'A day of UTC. Default: 30 days before `to`.' }),
          to: to.meta({ description: 'The day of UTC after the last one. Default: tomorrow.' }),
          direction: z
            .enum(['up', 'down'])
            .default('up')
            .meta({ description: 'Those whose balance rose most, or fell most.' }),
          ...{ currency, cursor: moverCursor, limit: field.pageLimit, format },
        }),
      ),
      async (c) => {
        const { from, to, format, ...selection } = c.req.valid('query')
        const state = await built(c.var.principal)
        const until = dayOf(to === undefined ? Date.now() + DAY_MS : Date.parse(to) + DAY_MS - 1)
        const since = dayOf(from === undefined ? Date.parse(until) - 30 * DAY_MS : Date.parse(from))
        const { tenant } = c.var.principal
        const { currency, limit } = selection
        const found = await analytics.movers({ tenant, from: since, to: until, ...selection })
        const items = found.map((one) => ({
          userId: one.userId,
          change: amountJson(one.change, currency),
          volume: amountJson(one.volume, currency),
          balance: amountJson(one.balance, currency),
          transactions: one.transactions,
        }))
        if (isCsv(c, format)) {
          const rows = found.map((one) => [
            ...[cell(one.userId), toDecimal(one.change, currency), toDecimal(one.volume, currency)],
            ...[toDecimal(one.balance, currency), String(one.transactions)],
          ])
          const columns = ['userId', 'change', 'volume', 'balance', 'transactions']
          return csv(c, 'movers', columns, rows, nextOf(found, limit))
        }
        const next = { nextCursor: nextOf(found, limit) }
        return answer(c, { ...state, from: since, to: until, currency, items, ...next })
      },
    )
    .get(
      '/dormant',
      guards.requireAdmin,
      query(
        z.strictObject({
          since: since2000.exactOptional().meta({
            description: 'Wallets without an entry from then on. Default: 30 days ago.',
          }),
          ...{ currency, cursor: walletCursor, limit: field.pageLimit, format },
        }),
      ),
      async (c) => {
        const { since = isoAgo(30 * DAY_MS), format, ...selection } = c.req.valid('query')
        const state = await built(c.var.principal)
        const { tenant } = c.var.principal
        const found = await analytics.dormant({ tenant, since, ...selection })
        return answerWallets(c, 'dormant', { ...state, since }, found, selection, format)
      },
    )
    .get(
      '/new-wallets',
      guards.requireAdmin,
      query(
        z.strictObject({
          from: from.meta({ description: 'Default: 30 days before `to`.' }),
          ...{ to, currency, cursor: walletCursor, limit: field.pageLimit, format },
        }),
      ),
      async (c) => {
        const { from, to = isoAgo(0), format, ...selection } = c.req.valid('query')
        const since = from ?? new Date(Date.parse(to) - 30 * DAY_MS).toISOString()
        const state = await built(c.var.principal)
        const { tenant } = c.var.principal
        const found = await analytics.joined({ tenant, from: since, to, ...selection })
        const range = { from: since, to }
        return answerWallets(c, 'new-wallets', { ...state, ...range }, found, selection, format)
      },
    )
    .get(
      '/refusals',
      guards.requireAdmin,
      query(z.strictObject({ ...rangeFields, currency })),
      async (c) => {
        const { currency, format, ...asked } = c.req.valid('query')
        const range = rangeOf(c, asked)
        const found = await analytics.counts(range, 'refusals', currency)
        const items = found.map(({ from, to, label, count, amount }) => {
          const [type = '', reason = ''] = label.split(' ')
          return { from, to, type, reason, refusals: count, amount: amountJson(amount, currency) }
        })
        if (isCsv(c, format)) {
          const rows = items.map(({ from, to, type, reason, refusals }, i) => [
            ...[from, to, type, reason, String(refusals)],
            toDecimal(found[i]?.amount ?? 0n, currency),
          ])
          const columns = ['from', 'to', 'type', 'reason', 'refusals', 'amount']
          return csv(c, 'refusals', columns, rows)
        }
        return answer(c, { ...ends(range), currency, items })
      },
    )
    .get(
      '/cohorts',
      guards.requireAdmin,
      query(
        z.strictObject({
          from: from.meta({
            description: 'First topups from then on. Default: a year before `to`.',
          }),
          to,
          period: z.enum(['month', 'week']).default('month'),
          ...{ currency, format },
        }),
      ),
      async (c) => {
        const { from, to = isoAgo(0), period, currency, format } = c.req.valid('query')
        const since = from ?? new Date(Date.parse(to) - 365 * DAY_MS).toISOString()
        const state = await built(c.var.principal)
        const query = { currency, unit: period, from: since, to }
        const found = await analytics.cohorts({ tenant: c.var.principal.tenant, ...query })
        if (isCsv(c, format)) {
          const rows = found.map((one) => [
            ...[one.cohort, String(one.size), one.period ?? '', String(one.users)],
            toDecimal(one.volume, currency),
          ])
          return csv(c, 'cohorts', ['cohort', 'users', 'period', 'active', 'volume'], rows)
        }
        const items = [...new Set(found.map(({ cohort }) => cohort))].map((cohort) => {
          const rows = found.filter((one) => one.cohort === cohort)
          return {
            cohort,
            users: rows[0]?.size ?? 0,
            periods: rows.flatMap((one) =>
              one.period === null
                ? []
                : {
                    from: one.period,
                    active: one.users,
                    volume: amountJson(one.volume, currency),
                  },
            ),
          }
        })
        return answer(c, { ...state, from: since, to, period, currency, items })
      },
    )
    .get('/updates', guards.requireAdmin, query(z.strictObject(rangeFields)), async (c) => {
      const { format, ...asked } = c.req.valid('query')
      const range = rangeOf(c, asked)
      const [events, connections] = await Promise.all([
        analytics.counts(range, 'events', ''),
        analytics.counts(range, 'connections', ''),
      ])
      const places = new Map(
        [...events, ...connections].map((one) => [`${one.from} ${one.label}`, one]),
      )
      const countOf = (counts: typeof events, place: string) =>
        counts.find((one) => `${one.from} ${one.label}` === place)?.count ?? 0
      const items = [...places]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([place, { from, to, label }]) => ({
          ...{ from, to, transport: label },
          events: countOf(events, place),
          connections: countOf(connections, place),
        }))
      if (isCsv(c, format)) {
        const rows = items.map((one) => Object.values(one).map(String))
        return csv(c, 'updates', ['from', 'to', 'transport', 'events', 'connections'], rows)
      }
      return answer(c, { ...ends(range), items })
    })
}

type Asked = Pick<Range, 'bucket' | 'timeZone'> & {
  from?: string | undefined
  to?: string | undefined
}

/** @throws ApiError 400 if the range is empty or too long */
function rangeOf(c: Context<Env>, { bucket, timeZone, ...asked }: Asked): Range {
  const to = asked.to ?? isoAgo(0)
  const from =
    asked.from ?? new Date(Date.parse(to) - (bucket === 'day' ? 30 * DAY_MS : DAY_MS)).toISOString()
  const length = Date.parse(to) - Date.parse(from)
  if (length <= 0) throw invalid('from', 'must be before to')
  if (length / (bucket === 'day' ? DAY_MS : HOUR_MS) > MOST_BUCKETS) {
    throw invalid('from', `is more than ${MOST_BUCKETS} buckets before to`)
  }
  return { tenant: c.var.principal.tenant, from, to, bucket, timeZone }
}

function invalid(path: string, message: string): ApiError {
  return new ApiError(400, 'invalid_request', `${path}: ${message}`, {
    details: { issues: [{ path, message }] },
  })
}

const ends = ({ from, to, bucket, timeZone }: Range) => ({ from, to, bucket, timeZone })

const isoAgo = (ms: number) => new Date(Date.now() - ms).toISOString()

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

function bucketJson(bucket: Bucket, currency: string) {
  const { from, to, users, balance, held, types } = bucket
  const holds = (...statuses: string[]) =>
    types
      .filter(({ type, status }) => type === 'hold' && statuses.includes(status))
      .reduce((sum, { transactions }) => sum + transactions, 0)
  return {
    ...{ from, to, users },
    balance: amountJson(balance, currency),
    held: amountJson(held, currency),
    holds: {
      opened: holds('pending'),
      captured: holds('success'),
      released: holds('failed', 'cancelled', 'expired'),
    },
    types: types.map((totals) => typeJson(totals, currency)),
  }
}

function typeJson({ waits, ...totals }: TypeTotals, currency: string) {
  return {
    ...totals,
    volume: amountJson(totals.volume, currency),
    net: amountJson(totals.net, currency),
    fees: amountJson(totals.fees, currency),
    largest: amountJson(totals.largest, currency),
    ...(waits && { waits }),
  }
}

const SERIES = [
  ...['from', 'to', 'type', 'status', 'transactions', 'volume', 'net', 'fees', 'largest', 'users'],
  ...['averageWaitSeconds', 'balance', 'held'],
  // How many waited up to so many seconds, and longer than all.
  ...[...WAIT_BOUNDS, 'Longer'].map((bound) => `waited${bound}`),
]

const NO_WAITS = [...WAIT_BOUNDS, ''].map(() => '')

/** A row for each bucket, and then one for each type and status. */
function seriesRows(buckets: Bucket[], currency: string): string[][] {
  const decimal = (minor: bigint) => toDecimal(minor, currency)
  return buckets.flatMap((bucket) => [
    [
      ...[bucket.from, bucket.to, '', '', '', '', '', '', '', String(bucket.users), ''],
      ...[decimal(bucket.balance), decimal(bucket.held), ...NO_WAITS],
    ],
    ...bucket.types.map((one) => [
      ...[bucket.from, bucket.to, one.type, one.status, String(one.transactions)],
      ...[one.volume, one.net, one.fees, one.largest].map(decimal),
      ...[String(one.users), one.waits?.averageSeconds.toFixed(3) ?? '', '', ''],
      ...(one.waits?.counts.map(String) ?? NO_WAITS),
    ]),
  ])
}

function isCsv(c: Context<Env>, format: 'json' | 'csv' | undefined): boolean {
  return format === 'csv' || (!format && /\btext\/csv\b/.test(c.req.header('Accept') ?? ''))
}

/** A file of RFC 4180. `next` is the cursor of the next page. */
function csv(
  c: Context<Env>,
  name: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  next: string | null = null,
): never {
  const text = [columns, ...rows].map((row) => `${row.join(',')}\r\n`).join('')
  const headers: Record<string, string> = {
    ...c.var.headers,
    'Content-Type': EXPORT_FORMATS.csv,
    'Content-Disposition': `attachment; filename="${name}.csv"`,
    Vary: 'Accept, Origin',
    ...(next !== null && { 'Next-Cursor': next }),
  }
  // The type that clients see is that of JSON, which they get unless they ask for a file.
  return c.body(text, 200, headers) as never
}

const nextOf = (found: readonly { place: string }[], limit: number): string | null =>
  found.length === limit ? (found[found.length - 1]?.place ?? null) : null

function answerWallets<T extends object>(
  c: Context<Env>,
  name: string,
  head: T,
  found: Awaited<ReturnType<RouteDeps['analytics']['dormant']>>,
  { currency, limit }: { currency: string; limit: number },
  format: 'json' | 'csv' | undefined,
) {
  const next = nextOf(found, limit)
  if (isCsv(c, format)) {
    const rows = found.map((one) => [
      ...[cell(one.userId), toDecimal(one.balance, currency), one.firstEntryAt, one.lastEntryAt],
    ])
    return csv(c, name, ['userId', 'balance', 'firstEntryAt', 'lastEntryAt'], rows, next)
  }
  const items = found.map(({ place: _, ...one }) => ({
    ...one,
    balance: amountJson(one.balance, currency),
  }))
  return answer(c, { ...head, currency, items, nextCursor: next })
}
