import type { LogFn, Logger } from 'pino'

/** Lines that say the same in one second, before they are only counted. */
const MOST = 10
const WINDOW = 1000
/** Pino's number of `warn`. */
const WARN = 40

interface Repeated {
  written: number
  leftOut: number
}

/**
 * A hook for pino that bounds warnings and errors: in an outage every request and every stream says the
 * same, and the log would cost more than they do. What was left out is counted and said, a second later.
 */
export function boundRepeats() {
  const kinds = new Map<string, Repeated>()
  return function boundRepeats(this: Logger, args: Parameters<LogFn>, write: LogFn, level: number) {
    if (level < WARN) return write.apply(this, args)
    const kind = kindOf(args)
    let repeated = kinds.get(kind)
    if (!repeated) {
      const begun = { written: 0, leftOut: 0 }
      kinds.set(kind, begun)
      setTimeout(() => {
        kinds.delete(kind)
        if (begun.leftOut === 0) return
        write.call(this, { notLogged: begun.leftOut }, `left out, all the same: ${kind}`)
      }, WINDOW).unref()
      repeated = begun
    }
    if (repeated.written < MOST) {
      repeated.written += 1
      write.apply(this, args)
    } else {
      repeated.leftOut += 1
    }
  }
}

/** What a line says, without what differs from request to request: its text, and its error's code or name. */
function kindOf([first, text]: unknown[]): string {
  if (typeof first === 'string') return first
  const { err } = (first ?? {}) as { err?: { code?: unknown; name?: unknown } }
  const cause = err?.code ?? err?.name
  return cause === undefined ? String(text) : `${text} (${cause})`
}
