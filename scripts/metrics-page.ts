import { FAMILIES, PREFIX } from '../src/observability/families.ts'

/** `docs/reference/metrics.md`: every metric of the server's own. */
export function metricsPage(): string {
  const rows = FAMILIES.map(({ name, type, labels, help }) => {
    const shown = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${PREFIX}${name}\` | ${type} | ${shown} | ${help} |`
  })
  return `# Metrics

Made from \`src/observability/families.ts\` by \`npm run docs\`. What \`GET /metrics\` answers beside the usual \`process_…\` and \`nodejs_…\` metrics of Node (processor, memory, event-loop lag, garbage collection, file descriptors). Every process counts what it does, from its start; a histogram's \`_count\` is the number of times.

| metric | type | labels | |
|---|---|---|---|
${rows.join('\n')}
`
}
