import { count, type Figure, type Row } from './row.ts'

/** The report of one benchmark. `npm run bench` collects those of the benchmarks that it starts. */
export interface Report {
  bench: string
  rows: Row[]
  /** The reason for each figure that could not be measured here. */
  skipped: string[]
}

/** Prints the rows, and sends them to `npm run bench` if it started this process. */
export function report(bench: string, rows: Row[], skipped: string[] = []): void {
  const report: Report = { bench, rows, skipped }
  console.log(tableOf([report]))
  process.send?.(report)
}

const HEAD = ['what', 'ours', 'limit or peer', 'unit', 'ratio', 'goal', 'reached']

/** The table of several benchmarks, for a terminal. */
export function tableOf(reports: readonly Report[]): string {
  const lines = reports.flatMap(({ bench, rows }) =>
    rows.map((row) => cellsOf(row, reports.length > 1 ? `${bench}: ` : '')),
  )
  const widths = HEAD.map((title, column) =>
    Math.max(title.length, ...lines.map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const skipped = reports.flatMap(({ bench, skipped }) =>
    skipped.map((reason) => `${bench}, not measured: ${reason}`),
  )
  return [line(HEAD), ...lines.map(line), ...skipped].join('\n')
}

/** The cells of a row, in the order of the table's columns. */
export function cellsOf(row: Row, before = ''): string[] {
  const { what, ours, limit, unit, ratio, direction, goal, reached } = row
  return [
    `${before}${what}`,
    spread(ours),
    `${spread(limit)} ${limit.name}`,
    unit,
    spread(ratio, 2),
    goal === undefined ? '' : `${direction} ${goal}`,
    reached === undefined ? '' : reached ? 'yes' : 'NO',
  ]
}

/** `12.5 (11.9–13.0)`, without the extremes if there was only one round. */
export function spread({ median, min, max }: Figure, decimals?: number): string {
  const text = (value: number) =>
    decimals !== undefined
      ? value.toFixed(decimals)
      : value >= 100
        ? count(value)
        : value.toPrecision(3)
  return min === max ? text(median) : `${text(median)} (${text(min)}–${text(max)})`
}
