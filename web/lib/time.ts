import { isolated, perLocales, words } from './language.ts'

const formats = perLocales((all) => {
  const locales = all as string[]
  return {
    clock: new Intl.DateTimeFormat(locales, { hour: 'numeric', minute: '2-digit' }),
    day: new Intl.DateTimeFormat(locales, { day: 'numeric', month: 'short' }),
    dayAndYear: new Intl.DateTimeFormat(locales, {
      day: 'numeric',
      month: 'short',
      year: 'numeric',
    }),
    whole: new Intl.DateTimeFormat(locales, { dateStyle: 'full', timeStyle: 'long' }),
    relative: new Intl.RelativeTimeFormat(locales, { numeric: 'auto' }),
  }
})

/** The time if it is today, day and time if it is this year, or else the date. */
export function shortTime(iso: string | number, now: Date = new Date()): string {
  const time = new Date(iso)
  const { clock, day, dayAndYear } = formats()
  if (time.toDateString() === now.toDateString()) return isolated(clock.format(time))
  if (time.getFullYear() !== now.getFullYear()) return isolated(dayAndYear.format(time))
  return isolated(`${day.format(time)}, ${clock.format(time)}`)
}

/** The time of day. */
export const clockTime = (time: string | number): string =>
  isolated(formats().clock.format(new Date(time)))

/** Date and time in full, for a tooltip. */
export const fullTime = (iso: string): string => isolated(formats().whole.format(new Date(iso)))

/** “2 minutes ago”. */
export function ago(iso: string, now: number = Date.now()): string {
  const seconds = (new Date(iso).getTime() - now) / 1000
  return seconds > -10 ? words().time.justNow : fromNow(seconds)
}

/** “in 2 minutes”. */
export function until(iso: string, now: number = Date.now()): string {
  return fromNow(Math.max(0, (new Date(iso).getTime() - now) / 1000))
}

function fromNow(seconds: number): string {
  const { relative } = formats()
  const distance = Math.abs(seconds)
  const [unit, length] =
    distance < 60
      ? (['second', 1] as const)
      : distance < 3600
        ? (['minute', 60] as const)
        : distance < 86_400
          ? (['hour', 3600] as const)
          : (['day', 86_400] as const)
  return isolated(relative.format(Math.round(seconds / length), unit))
}

/** “3 h 12 min”. */
export function span(seconds: number): string {
  const { time } = words()
  if (seconds < 60) return time.seconds(Math.round(seconds))
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return time.minutes(minutes)
  const hours = Math.floor(minutes / 60)
  const [days, restHours, restMinutes] = [Math.floor(hours / 24), hours % 24, minutes % 60]
  if (days === 0) return both(time.hours(hours), restMinutes && time.minutes(restMinutes))
  return both(time.days(days), restHours && time.hours(restHours))
}

const both = (large: string, small: string | 0) => (small ? `${large} ${small}` : large)

/**
 * The start of a day in the reader's time zone, plus `after` days. `date` is the value of a date field. Empty for any
 * other text, because an address can be typed by hand.
 */
export function dayStart(date: string, after = 0): string {
  const [year = 0, month = 1, dayOfMonth = 1] = date.split('-').map(Number)
  const start = new Date(year, month - 1, dayOfMonth + after)
  return Number.isNaN(start.getTime()) ? '' : start.toISOString()
}
