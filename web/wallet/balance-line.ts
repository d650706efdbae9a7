/** The balance from this time on. `time` is in milliseconds since 1970. */
export interface Point {
  time: number
  balance: number
}

/** The part of the line between `from` and `to`, with the balance at both ends. */
export function cut(points: readonly Point[], from: number, to: number): Point[] {
  const inside = points.filter(({ time }) => time > from && time <= to)
  const start = points.findLast(({ time }) => time <= from) ?? points[0]
  if (!start) return []
  const end = inside.at(-1) ?? start
  return [{ time: from, balance: start.balance }, ...inside, { time: to, balance: end.balance }]
}

/** The balance at this time. */
export function balanceAt(line: readonly Point[], time: number): number | undefined {
  return (line.findLast((point) => point.time <= time) ?? line[0])?.balance
}

/** The points where the balance changed, and both ends. */
export function changesOf(line: readonly Point[]): Point[] {
  return line.filter(
    ({ balance }, i) =>
      i === 0 || i === line.length - 1 || String(balance) !== String(line[i - 1]?.balance),
  )
}

/** Round values from zero to at least the highest balance. The scale is linear. */
export function scaleOf(line: readonly Point[]): number[] {
  const high = Math.max(0, ...line.map(({ balance }) => balance))
  if (high === 0) return [0, 1]
  const rough = high / 3
  const power = 10 ** Math.floor(Math.log10(rough))
  const step =
    [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? high
  const count = Math.ceil(high / step - 1e-9)
  return Array.from({ length: count + 1 }, (_, i) => i * step)
}

/** The SVG path of the line as steps. The box of `width` by `height` shows zero to `top`. */
export function path(line: readonly Point[], top: number, width: number, height: number): string {
  const start = line[0]?.time ?? 0
  const span = (line.at(-1)?.time ?? 1) - start || 1
  const x = (time: number) => (((time - start) / span) * width).toFixed(2)
  const y = (balance: number) => (height - (balance / top) * height).toFixed(2)
  return line
    .map(({ time, balance }, i) =>
      i === 0 ? `M${x(time)} ${y(balance)}` : `H${x(time)}V${y(balance)}`,
    )
    .join('')
}
