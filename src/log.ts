import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from './config.ts'
import { readableLine } from './readable-log.ts'
import { boundRepeats } from './repeated-lines.ts'

export type { Logger } from 'pino'

/** Tokens and tickets as they stand in URLs, and anything that has the form of a JWT or of a ticket. */
const SECRETS = /\b(token|ticket)(=|%3D)[^&\s"'\\]+|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|\blbt_[\w-]+/gi

/** Who logs in, and with what, as it stands in the addresses of services. */
const PASSWORDS = /:\/\/[^\s/"'@]*:[^\s/"'@]*@/g

/** The text without the tokens, tickets and passwords in it. */
export function withoutSecrets(text: string): string {
  return text
    .replace(SECRETS, (_, name?: string) => (name ? `${name}=[redacted]` : '[redacted]'))
    .replace(PASSWORDS, '://[redacted]@')
}

/**
 * The process's logger: readable lines on a terminal outside production, JSON everywhere else.
 * Whatever is logged, no token and no ticket leaves through it: each line is searched for them.
 */
export function createLogger(
  config: Pick<Config, 'logLevel' | 'production'>,
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
    { write: (line: string) => void sink.write(withoutSecrets(line)) },
  )
}

function readable(): DestinationStream {
  return { write: (line) => void process.stdout.write(readableLine(line)) }
}

function json(): DestinationStream {
  return pino.destination({ fd: 1, sync: false })
}
