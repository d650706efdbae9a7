import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino'
import { readableLine } from './readable-log.ts'
import { boundRepeats } from './repeated-lines.ts'

export type { Logger } from 'pino'

/**
 * Tokens and tickets as they stand in URLs, and anything that has the form of a ticket. Every line is searched,
 * with a stranger's text in it, so the patterns must be linear: none reads a part again from each of its places.
 */
const SECRETS = /\b(token|ticket)(=|%3D)[^&\s"'\\]+|\blbt_[\w-]+/gi

/** Anything that begins like a JWT, where it is as long as the shortest one. */
const JWTS = /\beyJ[\w.-]+/g
const SHORTEST_JWT = 16

/** User names and passwords as they stand in the addresses of services. */
const PASSWORDS = /:\/\/[^\s/?#"']*@/g

/** Characters. A longer line has its long texts cut, so that no request decides how much is searched and kept. */
const LONGEST_LINE = 8192
const LONGEST_TEXT = 2048

/** The text without the tokens, tickets and passwords in it. */
export function withoutSecrets(text: string): string {
  return text
    .replace(SECRETS, (_, name?: string) => (name ? `${name}=[redacted]` : '[redacted]'))
    .replace(JWTS, (found) => (found.length < SHORTEST_JWT ? found : '[redacted]'))
    .replace(PASSWORDS, '://[redacted]@')
}

/** A line of JSON, the long texts in it cut if the line is long. */
function bounded(line: string): string {
  if (line.length <= LONGEST_LINE) return line
  return `${JSON.stringify(JSON.parse(line, (_, value) => (typeof value === 'string' ? cut(value) : value)))}\n`
}

function cut(text: string): string {
  const left = text.length - LONGEST_TEXT
  return left <= 0 ? text : `${text.slice(0, LONGEST_TEXT)}… (${left} more characters)`
}

/**
 * The process's logger: readable lines on a terminal outside production, JSON everywhere else.
 * Whatever is logged, no token and no ticket leaves through it: each line is searched for them.
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
      hooks: { logMethod: boundRepeats() },
      formatters: { level: (level) => ({ level }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [
          ...['authorization', '*.authorization', '*.Authorization', '*.cookie', '*.token'],
          // What Redis was asked to keep, in the client's errors: principals among others.
          'err.command.args',
        ],
        censor: '[redacted]',
      },
    },
    { write: (line: string) => void sink.write(withoutSecrets(bounded(line))) },
  )
}

function readable(): DestinationStream {
  return { write: (line) => void process.stdout.write(readableLine(line)) }
}

function json(): DestinationStream {
  return pino.destination({ fd: 1, sync: false })
}
