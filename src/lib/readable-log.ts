/** Escape codes of colours that light and dark terminals show. */
const COLOURS: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 90,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 31,
}

/** What moves the cursor, ends a line, hides or turns text: control, format and separator characters, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * A text as a terminal may show it, on one line: what is not to be seen is written as JSON escapes it. A
 * stranger's text can neither begin a line, nor colour, hide or turn one.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (found) => {
    const short = JSON.stringify(found).slice(1, -1)
    return short === found ? [...utf16(found)].join('') : short
  })
}

function* utf16(text: string): Generator<string> {
  for (let i = 0; i < text.length; i++) {
    yield `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`
  }
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
  const rest = Object.entries(fields).map(([key, value]) => `${printable(key)}=${shown(value)}`)
  const message = msg === undefined ? [] : [printable(String(msg))]
  const trouble = err?.stack ?? err?.message
  const below = trouble?.split('\n').map((line) => `    ${printable(line)}\n`) ?? []
  return `${[clock, name, ...message, ...rest].join(' ')}\n${below.join('')}`
}

/** In quotes where it could be read as more than one field. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const quoted = typeof value === 'string' && (text === '' || /[\s"]/.test(text))
  return printable(quoted ? JSON.stringify(text) : text)
}
