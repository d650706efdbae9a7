import { printable } from '../lib/printable.ts'

/** Where a command prints: results to the one stream, what is for a person's eyes only to the other. */
export interface Terminal {
  print(text: string): void
  note(text: string): void
  /** Redraws the last line of the screen; null clears it. Nothing happens where no person looks. */
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

/** The terminal, of which no text can do more than be read and end its line: names and descriptions are strangers'. */
export function harmless({ print, note, redraw }: Terminal): Terminal {
  const lines = (text: string) => text.split('\n').map(printable).join('\n')
  return {
    print: (text) => print(lines(text)),
    note: (text) => note(lines(text)),
    redraw: redraw && ((line) => redraw(line === null ? null : printable(line))),
  }
}

/** A row a line, columns as wide as their widest cell; the numbers of `right` are aligned at their ends. */
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
