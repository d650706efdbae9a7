/** The median of the rounds, and their extremes. */
export interface Figure {
  median: number
  min: number
  max: number
}

/** One point of a curve: the cost of one operation at a number of users, rows or connections. */
export interface GrowthPoint {
  size: number
  cost: Figure
}

/** One line of a benchmark: our figure beside its limit or its peer, measured in the same run. */
export interface Row {
  what: string
  /** The unit of both figures: `/s`, `ms`, `µs`, `KB` … */
  unit: string
  ours: Figure
  limit: Figure & { name: string }
  /** Our figure divided by the limit's, round by round, because a slow moment of the machine slows both. */
  ratio: Figure
  /** `≥` if more is better. */
  direction: '≥' | '≤'
  /** Undefined if the line is information without a goal. */
  goal?: number
  reached?: boolean
  /** The size that grows and its costs. Our figure is that of the largest size, the limit that of the smallest. */
  growth?: { by: string; points: GrowthPoint[] }
}

/** The figures of one subject, a number for each round. */
export interface Measured {
  name: string
  rounds: readonly number[]
}

export interface Comparison {
  what: string
  unit: string
  /** A number for each round. */
  ours: readonly number[]
  limit: Measured
  direction: Row['direction']
  goal?: number
}

/** A row of figures that were measured by turns: in each round ours, then the limit's. */
export function compare({ what, unit, ours, limit, direction, goal }: Comparison): Row {
  const ratio = figure(ours.map((value, round) => value / (limit.rounds[round] ?? Number.NaN)))
  return {
    what,
    unit,
    ours: figure(ours),
    limit: { name: limit.name, ...figure(limit.rounds) },
    ratio,
    direction,
    ...(goal !== undefined && { goal, reached: reaches(ratio.median, direction, goal) }),
  }
}

/** A row of a growing cost. Each size is measured once a round, the smallest first. */
export function growth(of: {
  what: string
  unit: string
  /** What grows: `users`, `rows`, `connections`. */
  by: string
  sizes: readonly { size: number; rounds: readonly number[] }[]
  goal?: number
}): Row {
  const [smallest] = of.sizes
  const largest = of.sizes.at(-1)
  if (!smallest || !largest) throw new Error(`nothing was measured: ${of.what}`)
  const { what, unit, by, sizes, goal } = of
  return {
    ...compare({
      what: `${what}, ${count(largest.size)} ${by}`,
      unit,
      ours: largest.rounds,
      limit: { name: `${count(smallest.size)} ${by}`, rounds: smallest.rounds },
      direction: '≤',
      ...(goal !== undefined && { goal }),
    }),
    growth: { by, points: sizes.map(({ size, rounds }) => ({ size, cost: figure(rounds) })) },
  }
}

export function figure(rounds: readonly number[]): Figure {
  if (rounds.length === 0) throw new Error('nothing was measured')
  const sorted = [...rounds].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = Number.NaN, high = low] = sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1)
  return {
    median: (low + high) / 2,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
  }
}

/** A goal is reached if the ratio as printed, with two decimals, reaches it. */
function reaches(ratio: number, direction: Row['direction'], goal: number): boolean {
  const rounded = Math.round(ratio * 100) / 100
  return direction === '≥' ? rounded >= goal : rounded <= goal
}

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}
