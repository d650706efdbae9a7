import type { QuietHours } from './push.ts'

const DAY_MINUTES = 1440
const MINUTE_MS = 60_000

const formats = new Map<string, Intl.DateTimeFormat>()

/** Whether this runtime knows the time zone. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name)
    return true
  } catch {
    return false
  }
}

/** Whether the instant, in milliseconds, is in the quiet hours. */
export function isQuiet({ from, to, timeZone }: QuietHours, at: number): boolean {
  const minute = minuteOfDay(timeZone, at)
  return from < to ? minute >= from && minute < to : minute >= from || minute < to
}

/**
 * When the quiet hours end that the instant is in. On a day on which the clock skips that minute, the next one that
 * there is.
 */
export function endOfQuiet({ to, timeZone }: QuietHours, at: number): number {
  const minutesLeft = (from: number) => (to - from + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES
  const begin = at - (at % MINUTE_MS)
  const end = begin + minutesLeft(minuteOfDay(timeZone, at)) * MINUTE_MS
  // If the clock is changed in between, the end is off by the difference.
  const off = (minuteOfDay(timeZone, end) - to + DAY_MINUTES * 1.5) % DAY_MINUTES
  return Math.max(begin + MINUTE_MS, end - (off - DAY_MINUTES / 2) * MINUTE_MS)
}

function minuteOfDay(timeZone: string, at: number): number {
  const [hour = 0, minute = 0] = formatOf(timeZone).format(at).split(':').map(Number)
  return hour * 60 + minute
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known) return known
  const options = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone } as const
  const format = new Intl.DateTimeFormat('en-GB', options)
  formats.set(timeZone, format)
  return format
}
