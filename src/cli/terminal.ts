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

/** Columns as wide as their widest cell; the numbers of `right` are aligned at their ends. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)),
  )
  return [headings, ...rows]
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
