import { printable } from '../lib/printable.ts'

/** Where a command prints. `print` is for results, `note` for texts that only a person reads. */
export interface Terminal {
  print(text: string): void
  note(text: string): void
  /** Redraws the last line of the screen, or clears it with null. Undefined if the output is no terminal. */
  redraw: ((line: string | null) => void) | undefined
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process
  return {
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    redraw: stderr.isTTY
      ? (line) => void stderr.write(`\r\u001b[K${line === null ? '' : line}`)
      : undefined,
  }
}

/** Escapes control characters in all output, because names and descriptions come from outside. */
export function harmless({ print, note, redraw }: Terminal): Terminal {
  const lines = (text: string) => text.split('\n').map(printable).join('\n')
  return {
    print: (text) => print(lines(text)),
    note: (text) => note(lines(text)),
    redraw: redraw && ((line) => redraw(line === null ? null : printable(line))),
  }
}

/** Formats rows as lines with aligned columns. The columns in `right` are aligned at the right. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const all = [headings, ...rows.map((row) => row.map(printable))]
  const widths = headings.map((_, i) =>
    all.reduce((widest, row) => Math.max(widest, row[i]?.length ?? 0), 0),
  )
  return all
    .map((row) =>
      row
        .map((cell, i) =>
          right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function count(number: number): string {
  return number.toLocaleString('en-US')
}

/** Time between two drawings. */
const REDRAW_INTERVAL_MS = 100

/** Characters of the bar. */
const BAR_WIDTH = 24

/** A progress bar on the last line of the terminal. Draws nothing if the output is no terminal. */
export class Progress {
  readonly #terminal: Terminal
  readonly #label: string
  readonly #began: number
  readonly #now: () => number
  #drawn = Number.NEGATIVE_INFINITY

  /** @param now milliseconds, to estimate the remaining time */
  constructor(terminal: Terminal, label: string, now: () => number = () => performance.now()) {
    this.#terminal = terminal
    this.#label = label
    this.#now = now
    this.#began = now()
  }

  show(done: number, of: number): void {
    const now = this.#now()
    if (!this.#terminal.redraw || now - this.#drawn < REDRAW_INTERVAL_MS) return
    this.#drawn = now
    const part = of > 0 ? Math.min(1, done / of) : 0
    const filled = Math.round(part * BAR_WIDTH)
    const bar = '#'.repeat(filled).padEnd(BAR_WIDTH, '-')
    const left = part > 0 ? ((now - this.#began) * (1 - part)) / part / 1000 : undefined
    const time = left === undefined ? '' : `, ${duration(left)} left`
    this.#terminal.redraw(
      `${this.#label} [${bar}] ${Math.floor(part * 100)} %, ${count(done)} of ${count(of)}${time}`,
    )
  }

  /** Clears the line. Call it before anything else is printed. */
  end(): void {
    this.#terminal.redraw?.(null)
  }
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.round(whole / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
