import type { LogFn, Logger } from 'pino'

/**
 * Limits how many lines of one kind are written in a second. Under load, a line for every event would cost
 * more than the event. Lines left out are counted, and the count is logged.
 */
export class LogBudget {
  readonly #logger: Logger
  readonly #perSecond: number
  #second = 0
  #used = 0
  #dropped = 0

  /** @param perSecond default 100 */
  constructor(logger: Logger, perSecond = 100) {
    this.#logger = logger
    this.#perSecond = perSecond
  }

  /** @param line called only if the line will be written */
  info(line: () => string): void {
    if (this.#logger.isLevelEnabled('info') && this.take()) this.#logger.info(line())
  }

  /** Tells whether one more line may be written now, and counts it. */
  take(): boolean {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#second) {
      if (this.#dropped > 0) {
        this.#logger.info({ notLogged: this.#dropped }, 'more lines of this kind were not logged')
      }
      this.#second = second
      this.#used = 0
      this.#dropped = 0
    }
    if (this.#used >= this.#perSecond) {
      this.#dropped += 1
      return false
    }
    this.#used += 1
    return true
  }
}

/** Equal warnings or errors within the window that are written. Further ones are only counted. */
const MAX_REPEATS = 10
const REPEATS_WINDOW_MS = 1000
/** Pino's number of `warn`. */
const WARN_LEVEL = 40

interface Repeated {
  written: number
  leftOut: number
}

/**
 * Creates a hook for pino that limits equal warnings and errors. In an outage every request and every stream
 * logs the same, and the log would cost more than they do. A second later a line says how many were left out.
 */
export function limitRepeats() {
  const kinds = new Map<string, Repeated>()
  return function limitRepeats(this: Logger, args: Parameters<LogFn>, write: LogFn, level: number) {
    if (level < WARN_LEVEL) return write.apply(this, args)
    const kind = kindOf(args)
    let repeated = kinds.get(kind)
    if (!repeated) {
      const begun = { written: 0, leftOut: 0 }
      kinds.set(kind, begun)
      setTimeout(() => {
        kinds.delete(kind)
        if (begun.leftOut === 0) return
        write.call(this, { notLogged: begun.leftOut }, `equal lines were left out: ${kind}`)
      }, REPEATS_WINDOW_MS).unref()
      repeated = begun
    }
    if (repeated.written < MAX_REPEATS) {
      repeated.written += 1
      write.apply(this, args)
    } else {
      repeated.leftOut += 1
    }
  }
}

/** The text of a line and the code or name of its error, without the parts that differ between requests. */
function kindOf([first, text]: unknown[]): string {
  if (typeof first === 'string') return first
  const { err } = (first ?? {}) as { err?: { code?: unknown; name?: unknown } }
  const cause = err?.code ?? err?.name
  return cause === undefined ? String(text) : `${text} (${cause})`
}

/** Characters. */
const MAX_LINE_LENGTH = 8192
const MAX_TEXT_LENGTH = 2048

/** Cuts the long texts of a long line of JSON, so that no request decides how much is searched and stored. */
export function limitLength(line: string): string {
  if (line.length <= MAX_LINE_LENGTH) return line
  const short = JSON.parse(line, (_, value) => (typeof value === 'string' ? cut(value) : value))
  return `${JSON.stringify(short)}\n`
}

function cut(text: string): string {
  const left = text.length - MAX_TEXT_LENGTH
  return left <= 0 ? text : `${text.slice(0, MAX_TEXT_LENGTH)}… (${left} more characters)`
}
