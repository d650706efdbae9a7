import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino'
import { limitLength, limitRepeats } from './log-limits.ts'
import { printable } from './printable.ts'

export type { Logger } from 'pino'

/**
 * Tokens and tickets as they appear in URLs, and anything that has the form of a ticket. Every line is searched
 * and may hold text from outside, so these patterns must run in linear time.
 */
const SECRETS = /\b(token|ticket)(=|%3D)[^&\s"'\\]+|\blbt_[\w-]+/gi

/** Anything that begins like a JWT. Texts shorter than the shortest JWT are left. */
const JWTS = /\beyJ[\w.-]+/g
const SHORTEST_JWT = 16

/** User names and passwords as they appear in the URLs of services. */
const PASSWORDS = /:\/\/[^\s/?#"']*@/g

const BEYOND_ASCII = /[^\n -~]/

/** Replaces the tokens, tickets and passwords in a text. */
export function withoutSecrets(text: string): string {
  return text
    .replace(SECRETS, (_, name?: string) => (name ? `${name}=[redacted]` : '[redacted]'))
    .replace(JWTS, (found) => (found.length < SHORTEST_JWT ? found : '[redacted]'))
    .replace(PASSWORDS, '://[redacted]@')
}

/**
 * Creates the logger of the process. It writes readable lines on a terminal outside of production and JSON
 * everywhere else. Each line is searched for tokens, tickets and passwords, so that none is ever logged.
 */
export function createLogger(
  config: { logLevel: LevelWithSilent; production: boolean },
  terminal: boolean = process.stdout.isTTY === true,
  out?: DestinationStream,
): Logger {
  const sink = out ?? (terminal && !config.production ? readable() : json())
  return pino(
    {
      level: config.logLevel,
      base: null,
      hooks: { logMethod: limitRepeats() },
      formatters: { level: (level) => ({ level }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [
          ...['authorization', '*.authorization', '*.Authorization', '*.cookie', '*.token'],
          // The Redis client puts the arguments of a failed command into its error, for example principals.
          'err.command.args',
        ],
        censor: '[redacted]',
      },
    },
    { write: (line: string) => void sink.write(inert(withoutSecrets(limitLength(line)))) },
  )
}

/**
 * JSON itself escapes no character that turns or hides text, such as those in a user id. Within a line of JSON,
 * every such character is in a string, where it can be escaped.
 */
function inert(line: string): string {
  return BEYOND_ASCII.test(line) ? `${printable(line.slice(0, -1))}\n` : line
}

function readable(): DestinationStream {
  return { write: (line) => void process.stdout.write(readableLine(line)) }
}

function json(): DestinationStream {
  return pino.destination({ fd: 1, sync: false })
}

/** Escape codes of colours that are readable on light and dark terminals. */
const COLOURS: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 90,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 31,
}

/** Turns a line of the JSON log into one for a person at a terminal. A stack follows on lines of its own. */
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

/** A value is quoted if it could be read as more than one field. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const quoted = typeof value === 'string' && (text === '' || /[\s"]/.test(text))
  return printable(quoted ? JSON.stringify(text) : text)
}
