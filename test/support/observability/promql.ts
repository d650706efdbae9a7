export interface Selector {
  metric: string
  /** The matchers, and for `=` and `=~` the values that they name. */
  labels: { name: string; values: string[] }[]
}

const KEYWORDS = new Set(
  'by without on ignoring group_left group_right and or unless bool offset inf nan'.split(' '),
)

/** The selectors of a PromQL expression, and the labels that it groups by. */
export function selectorsIn(expression: string): { selectors: Selector[]; groupings: string[] } {
  const selectors: Selector[] = []
  const groupings: string[] = []
  const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g
  for (const [, names = ''] of expression.matchAll(GROUPING)) {
    groupings.push(...names.split(',').map((name) => name.trim()))
  }
  const rest = expression.replace(GROUPING, ' ').replace(/\[[^\]]*\]/g, ' ')
  // A name with its matchers, in which quotes may contain any character.
  const NAME = /([a-zA-Z_:][\w:]*)\s*(\(|\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?/g
  for (const [, metric = '', follows = ''] of rest.matchAll(NAME)) {
    if (follows === '(' || KEYWORDS.has(metric)) continue
    const matchers = [...follows.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)]
    const labels = matchers.map(([, name = '', operator = '', value = '']) => ({
      name,
      values: operator.startsWith('!') || value.includes('$') ? [] : value.split('|'),
    }))
    selectors.push({ metric, labels })
  }
  return { selectors, groupings }
}
