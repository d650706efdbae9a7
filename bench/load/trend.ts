/** The slope of the straight line through the points, by least squares. */
export function slope(points: readonly { x: number; y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const x = mean((point) => point.x)
  const y = mean((point) => point.y)
  const spread = mean((point) => (point.x - x) ** 2)
  return mean((point) => (point.x - x) * (point.y - y)) / spread
}
