/** A straight line through points by least squares: how `y` grows for each unit of `x`. */
export function slope(points: readonly { x: number; y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const x = mean((point) => point.x)
  const y = mean((point) => point.y)
  const spread = mean((point) => (point.x - x) ** 2)
  return mean((point) => (point.x - x) * (point.y - y)) / spread
}
