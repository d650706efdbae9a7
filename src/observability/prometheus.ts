import type { MetricValueWithName, Registry } from 'prom-client'
import { Histogram } from '../lib/instruments.ts'
import type { Exposition } from '../routes/deps.ts'
import { METRICS, PREFIX } from './metric-definitions.ts'
import type { MetricDefinition, MetricSources, Sample } from './metrics.ts'

/** The values of all metrics of a process, as they can be added to those of others. */
export type MetricValues = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/**
 * Reads all metrics. The library that writes them in Prometheus's text format and measures Node itself is loaded at
 * the first scrape. Scrapes at the same time share one reading.
 */
export function createExposition(sources: MetricSources) {
  let registry: Promise<Registry> | undefined
  let scrape: Promise<Exposition> | undefined

  async function read(): Promise<Exposition> {
    registry ??= createRegistry(sources)
    const { contentType, metrics } = await registry.then((loaded) => ({
      contentType: loaded.contentType,
      metrics: loaded.metrics(),
    }))
    return { contentType, text: await metrics }
  }

  return {
    /** In the text format. */
    text(): Promise<Exposition> {
      scrape ??= read().finally(() => {
        scrape = undefined
      })
      return scrape
    },
    async values(): Promise<MetricValues> {
      registry ??= createRegistry(sources)
      const values = await (await registry).getMetricsAsJSON()
      return values.map((metric) =>
        // The library's mean would hide a worker that hangs.
        metric.name.startsWith('nodejs_eventloop_lag_')
          ? { ...metric, aggregator: 'max' as const }
          : metric,
      )
    },
  }
}

async function createRegistry(sources: MetricSources): Promise<Registry> {
  const { default: prometheus } = await import('prom-client')
  const registry = new prometheus.Registry()
  prometheus.collectDefaultMetrics({ register: registry })
  for (const metric of METRICS) {
    // The library's own counters hash their labels at each count. Ours are plain numbers, read at a scrape.
    registry.registerMetric({
      name: PREFIX + metric.name,
      get: () => valuesOf(metric, sources),
    } as never)
  }
  return registry
}

async function valuesOf(metric: MetricDefinition, sources: MetricSources) {
  const name = PREFIX + metric.name
  const samples = [...(await metric.read(sources))]
  return {
    name,
    help: metric.help,
    type: metric.type,
    aggregator: metric.together ?? 'sum',
    values: samples.flatMap((sample) => valuesOfSample(name, sample)),
  }
}

function valuesOfSample(
  metricName: string,
  { labels = {}, value }: Sample,
): MetricValueWithName<string>[] {
  if (!(value instanceof Histogram)) return [{ metricName, labels, value }]
  let below = 0
  const buckets = value.counts.map((count, i) => {
    below += count
    const le = String(value.bounds[i] ?? '+Inf')
    return { metricName: `${metricName}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${metricName}_sum`, labels, value: value.sum },
    { metricName: `${metricName}_count`, labels, value: below },
  ]
}
