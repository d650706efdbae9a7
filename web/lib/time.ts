const languages = navigator.languages as string[]
const clock = new Intl.DateTimeFormat(languages, { hour: 'numeric', minute: '2-digit' })
const day = new Intl.DateTimeFormat(languages, { day: 'numeric', month: 'short' })
const dayAndYear = new Intl.DateTimeFormat(languages, {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
})
const whole = new Intl.DateTimeFormat(languages, { dateStyle: 'full', timeStyle: 'long' })
const relative = new Intl.RelativeTimeFormat(languages, { numeric: 'auto' })

/** The time if it is today, day and time if it is this year, or else the date. */
export function shortTime(iso: string | number, now: Date = new Date()): string {
  const time = new Date(iso)
  if (time.toDateString() === now.toDateString()) return clock.format(time)
  if (time.getFullYear() !== now.getFullYear()) return dayAndYear.format(time)
  return `${day.format(time)}, ${clock.format(time)}`
}

/** Date and time in full, for a tooltip. */
export const fullTime = (iso: string): string => whole.format(new Date(iso))

/** “2 minutes ago”. */
export function ago(iso: string, now: number = Date.now()): string {
  const seconds = Math.round((new Date(iso).getTime() - now) / 1000)
  if (seconds > -10) return 'just now'
  if (seconds > -60) return relative.format(seconds, 'second')
  if (seconds > -3600) return relative.format(Math.round(seconds / 60), 'minute')
  if (seconds > -86_400) return relative.format(Math.round(seconds / 3600), 'hour')
  return relative.format(Math.round(seconds / 86_400), 'day')
}

/** “3 h 12 min”. */
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** The start of a day in the reader's time zone, plus `after` days. `date` is the value of a date field. */
export function dayStart(date: string, after = 0): string {
  const [year = 0, month = 1, dayOfMonth = 1] = date.split('-').map(Number)
  return new Date(year, month - 1, dayOfMonth + after).toISOString()
}
