/** Escape codes of colours that light and dark terminals show. */
const COLOURS: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 90,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 31,
}

/** A line of the JSON log as a person reads it on a terminal, a stack on lines of its own. */
export function readableLine(json: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown> & {
    level: string
    time: string
    err?: { message?: string; stack?: string }
  }
  const clock = time.slice(11, 23)
  const name = `\u001b[${COLOURS[level] ?? 0}m${level.toUpperCase().padEnd(5)}\u001b[0m`
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${plain(value)}`)
  const trouble = err?.stack ?? err?.message
  return `${[clock, name, msg, ...rest].filter((part) => part !== undefined).join(' ')}\n${
    trouble === undefined ? '' : `${trouble.replaceAll(/^/gm, '    ')}\n`
  }`
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
