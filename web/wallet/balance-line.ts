import { movedAt, type Transaction } from '../parts/transaction.ts'

/** The balance from this moment on. `time` is milliseconds since 1970. */
export interface Point {
  time: number
  balance: number
}

/** What the transactions say of the balance over time, oldest first; `before` is what it was until then. */
export function pointsOf(transactions: readonly Transaction[]): Point[] {
  const moved = transactions
    .filter(({ previousBalance, newBalance }) => previousBalance !== null && newBalance !== null)
    .map((transaction) => ({
      time: Date.parse(movedAt(transaction)),
      id: transaction.id,
      before: transaction.previousBalance ?? 0,
      balance: transaction.newBalance ?? 0,
    }))
    .sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
  const [first] = moved
  const points = moved.map(({ time, balance }) => ({ time, balance }))
  return first ? [{ time: first.time - 1, balance: first.before }, ...points] : points
}

/** The part of the line from `from` to `to`, with the balance at both ends: it stays as it is between changes. */
export function cut(points: readonly Point[], from: number, to: number): Point[] {
  const inside = points.filter(({ time }) => time > from && time <= to)
  const start = points.findLast(({ time }) => time <= from) ?? points[0]
  if (!start) return []
  const end = inside.at(-1) ?? start
  return [{ time: from, balance: start.balance }, ...inside, { time: to, balance: end.balance }]
}

/** The balance at a moment of the line. */
export function balanceAt(line: readonly Point[], time: number): number | undefined {
  return (line.findLast((point) => point.time <= time) ?? line[0])?.balance
}

/** A floor and a ceiling for the picture, a little wider than what is drawn. */
export function bounds(line: readonly Point[]): { low: number; high: number } {
  const balances = line.map(({ balance }) => balance)
  const low = Math.min(...balances)
  const high = Math.max(...balances)
  const room = (high - low) * 0.12 || Math.max(1, high * 0.1)
  return { low: Math.max(0, low - room), high: high + room }
}

/** The line as steps, in a box of `width` by `height`. */
export function path(
  line: readonly Point[],
  { low, high }: { low: number; high: number },
  width: number,
  height: number,
): string {
  const start = line[0]?.time ?? 0
  const span = (line.at(-1)?.time ?? 1) - start || 1
  const x = (time: number) => (((time - start) / span) * width).toFixed(2)
  const y = (balance: number) => (height - ((balance - low) / (high - low)) * height).toFixed(2)
  return line
    .map(({ time, balance }, i) =>
      i === 0 ? `M${x(time)} ${y(balance)}` : `H${x(time)}V${y(balance)}`,
    )
    .join('')
}
