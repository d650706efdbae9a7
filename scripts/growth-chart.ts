import { count, type Row } from '../bench/row.ts'

const WIDTH = 720
const ROW = 132
const LEFT = 24
const RIGHT = 110
const TOP = 40

/** The rows of the chart. Each is a curve. */
export type GrowthRow = Row & { growth: NonNullable<Row['growth']> }

export const isGrowth = (row: Row): row is GrowthRow => row.growth !== undefined

/**
 * Draws the cost of one operation at each size as an SVG for light and dark pages, one small picture a row. Sizes
 * grow tenfold from point to point. The axis of costs begins at zero, so that constant costs look flat.
 */
export function growthChart(rows: readonly GrowthRow[]): string {
  const height = TOP + rows.length * ROW
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="title">
<title id="title">Cost of one operation as the data grows</title>
<style>
text { fill: #1f2328 } .quiet { fill: #59636e } .axis { stroke: #8c959f } .line { stroke: #0969da; fill: none; stroke-width: 2 } .dot { fill: #0969da } .bound { stroke: #bc4c00; stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .quiet { fill: #9198a1 } .axis { stroke: #59636e } .line { stroke: #58a6ff } .dot { fill: #58a6ff } .bound { stroke: #f0883e } }
</style>
<text x="${LEFT}" y="20" class="quiet">the median of the rounds; upright: from the lowest to the highest, as far as the picture goes; dashed: 1.3 times the smallest size</text>
${rows.map((row, i) => panel(row, TOP + i * ROW)).join('\n')}
</svg>
`
}

function panel({ what, unit, growth }: GrowthRow, top: number): string {
  const { by, points } = growth
  const name = what.replace(/, [\d,]+ [^,]*$/, '')
  const base = points[0]?.cost.median ?? 0
  // Not scaled to the slowest round, because one disturbed round would flatten every line.
  const most = Math.max(base * 1.3, ...points.map(({ cost }) => cost.median)) * 1.2
  const bottom = top + ROW - 34
  const high = ROW - 62
  const x = (i: number) =>
    LEFT + 30 + (i * (WIDTH - LEFT - RIGHT - 60)) / Math.max(1, points.length - 1)
  const y = (cost: number) => round(bottom - (Math.min(cost, most) / most) * high)
  const marks = points.map(({ size, cost }, i) => {
    const at = round(x(i))
    return `<line class="axis" x1="${at}" y1="${y(cost.min)}" x2="${at}" y2="${y(cost.max)}"/><circle class="dot" cx="${at}" cy="${y(cost.median)}" r="3.5"/><text x="${at}" y="${y(cost.median) + 20}" text-anchor="middle">${figure(cost.median)}</text><text class="quiet" x="${at}" y="${bottom + 17}" text-anchor="middle">${count(size)}</text>`
  })
  return `<g><text x="${LEFT}" y="${top + 12}" font-weight="600">${xml(name)}</text>
<line class="axis" x1="${LEFT}" y1="${bottom}" x2="${WIDTH - RIGHT}" y2="${bottom}"/>
<line class="bound" x1="${LEFT}" y1="${y(base * 1.3)}" x2="${WIDTH - RIGHT}" y2="${y(base * 1.3)}"/>
<polyline class="line" points="${points.map(({ cost }, i) => `${round(x(i))},${y(cost.median)}`).join(' ')}"/>
${marks.join('\n')}
<text class="quiet" x="${WIDTH - RIGHT + 8}" y="${bottom - high / 2}">${xml(unit)}</text><text class="quiet" x="${WIDTH - RIGHT + 8}" y="${bottom + 17}">${xml(by)}</text></g>`
}

const round = (value: number) => Math.round(value * 10) / 10

const figure = (value: number) => (value >= 100 ? count(value) : value.toPrecision(3))

const xml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
