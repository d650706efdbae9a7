import { METRICS, PREFIX } from '../src/observability/metric-definitions.ts'

/** Writes `docs/reference/metrics.md`: every metric that this server defines. */
export function metricsPage(): string {
  const rows = METRICS.map(({ name, type, labels, help }) => {
    const shown = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${PREFIX}${name}\` | ${type} | ${shown} | ${help} |`
  })
  return `# Metrics

Made from \`src/observability/metric-definitions.ts\` by \`npm run docs\`. \`GET /metrics\` answers these metrics and the usual \`process_…\` and \`nodejs_…\` metrics of Node (processor, memory, event-loop lag, garbage collection, file descriptors). Every process counts its own work since its start. The \`_count\` of a histogram is the number of measured times.

| metric | type | labels | |
|---|---|---|---|
${rows.join('\n')}
`
}
