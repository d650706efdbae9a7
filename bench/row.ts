/** The middle of the rounds' figures, and their ends. */
export interface Figure {
  median: number
  min: number
  max: number
}

/** One point of a curve: the cost of one operation with so many users, rows or connections. */
export interface GrowthPoint {
  size: number
  cost: Figure
}

/** One line of a bench: a figure of ours beside its limit or its peer, measured in the same run. */
export interface Row {
  what: string
  /** Of both figures: `/s`, `ms`, `µs`, `KB` … */
  unit: string
  ours: Figure
  limit: Figure & { name: string }
  /** Ours by the limit's, round by round: what slows the machine down for a while slows both. */
  ratio: Figure
  /** `≥` where more is better. */
  direction: '≥' | '≤'
  /** Undefined where the line is there to be known, and nothing was promised. */
  goal?: number
  reached?: boolean
  /** What grows, and what each size cost; ours is then the largest size's, the limit the smallest's. */
  growth?: { by: string; points: GrowthPoint[] }
}

/** Figures of one subject, a number for each round. */
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

/** The row of figures that were measured in turn, ours and the limit's of each round one after the other. */
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

/** The row of a growing cost: each size measured once a round, the smallest first. */
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

/** A goal counts as reached at the two decimals that are printed. */
function reaches(ratio: number, direction: Row['direction'], goal: number): boolean {
  const rounded = Math.round(ratio * 100) / 100
  return direction === '≥' ? rounded >= goal : rounded <= goal
}

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}
