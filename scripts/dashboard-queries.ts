/** Selects the processes that the variables of the dashboard choose. */
export const CHOSEN = 'job=~"$job", instance=~"$instance"'

export interface Line {
  expr: string
  legend: string
}

/** Selects one of our metrics, with that choice and more labels. */
export const of = (name: string, labels = '') =>
  `livebalance_${name}{${CHOSEN}${labels === '' ? '' : `, ${labels}`}}`
export const rate = (name: string, labels?: string) => `rate(${of(name, labels)}[$__rate_interval])`
export const sumBy = (by: string, name: string, labels?: string) =>
  `sum by (${by}) (${rate(name, labels)})`
export const line = (expr: string, legend: string): Line => ({ expr, legend })

/** p50, p95 and p99 of a histogram. */
export const quantiles = (name: string, labels?: string): Line[] =>
  [0.5, 0.95, 0.99].map((q) =>
    line(
      `histogram_quantile(${q}, ${sumBy('le', `${name}_bucket`, labels)})`,
      `p${Math.round(q * 100)}`,
    ),
  )
