import { locales } from '../lib/language.ts'

export interface TypeTotals {
  type: string
  status: string
  transactions: number
  volume: number
  net: number
  fees: number
  largest: number
  users: number
  /** How long it waited for the decision: by bin of `waitBounds`, and above the last. */
  waits?: { averageSeconds: number; counts: number[] }
}

export interface Bucket {
  from: string
  to: string
  users: number
  balance: number
  held: number
  types: TypeTotals[]
}

/** The answer of `GET /admin/analytics`. */
export interface Series {
  asOf: string
  bucket: 'hour' | 'day'
  timeZone: string
  currency: string
  /** In seconds. */
  waitBounds: number[]
  items: Bucket[]
}

/** What a page shows, as it is in its address. */
export const DEFAULTS = { days: '30', bucket: 'day', currency: '', zone: '' }

export type Chosen = typeof DEFAULTS

export const RANGES = [
  ['1', 'The last day'],
  ['7', '7 days'],
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'A year'],
] as const

const HOURS_PER_DAY = 24
/** Of an answer. */
const MOST_BUCKETS = 2_000

/** The zone of the reader, as the browser says. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'

/** The query of every call of the page. A range in hours that is too long for one answer is asked for in days. */
export function queryOf({ days, bucket, zone }: Omit<Chosen, 'currency'>, now: number) {
  const known = RANGES.some(([value]) => value === days) ? Number(days) : Number(DEFAULTS.days)
  const byHour = bucket === 'hour' && known * HOURS_PER_DAY < MOST_BUCKETS
  return {
    from: new Date(now - known * 86_400_000).toISOString(),
    to: new Date(now).toISOString(),
    bucket: byHour ? 'hour' : 'day',
    timeZone: zone || ownZone(),
  } as const
}

/** The days or hours of an answer, as its time zone writes them. */
export function labelsOf({ items, bucket, timeZone }: Series): string[] {
  const format = new Intl.DateTimeFormat(locales() as string[], {
    ...{ timeZone, day: 'numeric', month: 'short' },
    ...(bucket === 'hour' ? { hour: 'numeric', minute: '2-digit' } : { year: 'numeric' }),
  })
  return items.map(({ from }) => format.format(new Date(from)))
}

/** A short form of a number for an axis. */
export const shortNumber = (value: number): string =>
  new Intl.NumberFormat(locales() as string[], {
    notation: 'compact',
    maximumFractionDigits: 1,
  }).format(value)
